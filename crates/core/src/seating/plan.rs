//! The seats of a layout, row by row, with an index by id.

use std::collections::HashMap;

use super::{Layout, SeatKind};
use crate::ids::SeatId;

/// One seat of a hall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedSeat {
    /// Id of the seat.
    pub id: SeatId,
    /// The kind of the seat.
    pub kind: SeatKind,
    /// The seat's price category: an index into [`Layout::categories`].
    pub category: u16,
}

/// All seats of a hall, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatPlan {
    seats: Vec<PlannedSeat>,
    by_id: HashMap<SeatId, u16>,
    categories: Vec<String>,
    for_sale: usize,
}

impl SeatPlan {
    /// Numbers the seats of a layout, from 1 in each row, without counting gaps.
    #[must_use]
    pub fn of(layout: &Layout) -> Self {
        let categories: Vec<String> = layout.categories().into_iter().map(str::to_owned).collect();
        let mut seats = Vec::new();
        for row in layout.rows() {
            let category = categories.iter().position(|c| *c == row.category).unwrap_or(0);
            let kinds = row.cells.iter().flatten();
            seats.extend((1u8..).zip(kinds).filter_map(|(number, kind)| {
                let id = SeatId::new(&row.label, number)?;
                Some(PlannedSeat { id, kind: *kind, category: u16::try_from(category).ok()? })
            }));
        }
        let by_id = (0u16..).zip(&seats).map(|(index, seat)| (seat.id, index)).collect();
        let for_sale = seats.iter().filter(|seat| seat.kind.is_for_sale()).count();
        Self { seats, by_id, categories, for_sale }
    }

    /// The seat with this id.
    #[must_use]
    pub fn find(&self, id: SeatId) -> Option<&PlannedSeat> {
        self.by_id.get(&id).and_then(|index| self.seats.get(usize::from(*index)))
    }

    /// All seats, row by row.
    #[must_use]
    pub fn seats(&self) -> &[PlannedSeat] {
        &self.seats
    }

    /// The name of a seat's price category.
    #[must_use]
    pub fn category_of(&self, seat: &PlannedSeat) -> &str {
        self.categories.get(usize::from(seat.category)).map_or("", String::as_str)
    }

    /// The number of seats that can be sold, including sold ones.
    #[must_use]
    pub const fn seats_for_sale(&self) -> usize {
        self.for_sale
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seating::LayoutDraft;

    #[test]
    fn seat_numbers_skip_gaps() {
        let json = r#"{"rows":[
            {"label":"A","cells":["seat",null,"wheelchair","blocked"]},
            {"label":"B","category":"sofa","cells":[null,"pair"]}]}"#;
        let draft: LayoutDraft = serde_json::from_str(json).unwrap();
        let plan = SeatPlan::of(&Layout::parse(draft).unwrap());
        let shown: Vec<String> =
            plan.seats().iter().map(|s| format!("{} {} {}", s.id, s.kind.as_ref(), plan.category_of(s))).collect();
        assert_eq!(shown, ["A1 seat standard", "A2 wheelchair standard", "A3 blocked standard", "B1 pair sofa"]);
        assert_eq!(plan.seats_for_sale(), 3);
        assert_eq!(plan.find(SeatId::parse("B1").unwrap()).unwrap().kind, SeatKind::Pair);
        assert!(plan.find(SeatId::parse("B2").unwrap()).is_none());
    }
}
