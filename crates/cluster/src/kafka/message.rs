//! Conversions between events and Kafka messages.

use rdkafka::{
    Message,
    message::{BorrowedMessage, Header, OwnedHeaders},
};
use seatkeeper_core::{
    event::Event,
    ports::{Backend, BackendError, Consumer, DeadLetter},
};

use super::{
    buffer::{Arrival, Content, Poison},
    sender::Outgoing,
    settings::{DEAD_LETTER_BYTES_MAX, KafkaSettings, PART},
};

/// The message of an event: its JSON text, with a key that assigns its partition. Events with the same key stay in
/// order.
pub(super) fn event_message(settings: &KafkaSettings, event: &Event) -> Backend<Outgoing> {
    Ok(Outgoing {
        name: event.id.to_string(),
        topic: settings.events_topic(),
        key: event.key().into_bytes(),
        payload: json_of(event)?,
        headers: OwnedHeaders::new(),
    })
}

/// The message that publishes a dead letter of the store to Kafka.
pub(super) fn letter_message(settings: &KafkaSettings, letter: &DeadLetter) -> Backend<Outgoing> {
    let DeadLetter { consumer, event, error, tries, .. } = letter;
    let headers = [
        ("reason", error.clone()),
        ("topic", settings.events_topic()),
        ("consumer", consumer.as_ref().to_owned()),
        ("tries", tries.to_string()),
    ];
    Ok(Outgoing {
        name: format!("letter/{}/{}", consumer.as_ref(), event.id),
        topic: settings.dead_letter_topic(),
        key: event.key().into_bytes(),
        payload: json_of(event)?,
        headers: headers_of(headers),
    })
}

/// The dead letter of a Kafka message that is not an event: the unchanged message, and the place where it was found. A
/// payload above [`DEAD_LETTER_BYTES_MAX`] is truncated, because the broker would refuse it and the consumer could not
/// continue.
pub(super) fn poison_message(settings: &KafkaSettings, consumer: Consumer, at: &Arrival, poison: &Poison) -> Outgoing {
    let headers = [
        ("reason", poison.reason.clone()),
        ("topic", settings.events_topic()),
        ("partition", at.partition.to_string()),
        ("offset", at.offset.to_string()),
        ("consumer", consumer.as_ref().to_owned()),
        ("bytes", poison.payload.as_ref().map_or(0, Vec::len).to_string()),
    ];
    let mut payload = poison.payload.clone().unwrap_or_default();
    payload.truncate(DEAD_LETTER_BYTES_MAX);
    Outgoing {
        name: format!("poison/{}/{}/{}", consumer.as_ref(), at.partition, at.offset),
        topic: settings.dead_letter_topic(),
        key: poison.key.clone().unwrap_or_default(),
        payload,
        headers: headers_of(headers),
    }
}

pub(super) fn arrival_of(message: &BorrowedMessage<'_>) -> Arrival {
    let bytes = message.payload_len() + message.key_len();
    Arrival { partition: message.partition(), offset: message.offset(), bytes, content: content_of(message) }
}

fn content_of(message: &BorrowedMessage<'_>) -> Content {
    let payload = message.payload();
    let reason = match serde_json::from_slice(payload.unwrap_or_default()) {
        Ok(event) => return Content::Event(event),
        Err(error) => format!("not an event: {error}"),
    };
    Content::Poison(Poison { key: message.key().map(<[u8]>::to_vec), payload: payload.map(<[u8]>::to_vec), reason })
}

fn json_of(event: &Event) -> Backend<Vec<u8>> {
    serde_json::to_vec(event).map_err(|error| BackendError::lasting(PART, error))
}

fn headers_of<const N: usize>(headers: [(&str, String); N]) -> OwnedHeaders {
    headers.iter().fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: Some(value) }))
}
