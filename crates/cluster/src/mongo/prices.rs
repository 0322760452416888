//! Stores prices as a list of documents: a price category may have any name, but a field of a document may not.

use seatkeeper_core::{catalogue::Prices, money::Money};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
struct Price {
    category: String,
    price: Money,
}

pub(super) fn serialize<S: Serializer>(prices: &Prices, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(prices.iter().map(|(category, price)| Price { category: category.clone(), price: *price }))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Prices, D::Error> {
    let prices = Vec::<Price>::deserialize(deserializer)?;
    Ok(prices.into_iter().map(|price| (price.category, price.price)).collect())
}
