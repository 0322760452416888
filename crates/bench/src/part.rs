//! The parts of a cinema beside its server, as named on the command line.

/// Keeps the columns of the report aligned: `mongodb CPU   `.
const NAME_CHARS_MAX: usize = 9;

/// A part of the cinema that is measured beside the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) source: String,
}

impl Part {
    /// Parses `redis=123` and `redis=redis://127.0.0.1:6379`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, source) = text.split_once('=').ok_or("a name and a process id such as redis=123 are expected")?;
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
            return Err(format!("a name has 1 to {NAME_CHARS_MAX} characters"));
        }
        let is_url = ["redis://", "mongodb://"].iter().any(|scheme| source.starts_with(scheme));
        if !is_url && source.parse::<u32>().is_err() {
            return Err(format!("{source} is neither a process id nor a URL of Redis or MongoDB"));
        }
        Ok(Self { name: name.to_owned(), source: source.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_is_parsed_from_a_short_name_and_a_process_id_or_url() {
        let part = |name: &str, source: &str| Ok(Part { name: name.to_owned(), source: source.to_owned() });
        assert_eq!(Part::parse("mongodb=42"), part("mongodb", "42"));
        assert_eq!(Part::parse("redis=redis://127.0.0.1:1"), part("redis", "redis://127.0.0.1:1"));
        for text in ["redis", "redis=", "redis=x", "redis=-1", "=42", "elasticsearch=42", "redis=http://a", ""] {
            assert!(Part::parse(text).is_err(), "{text}");
        }
    }
}
