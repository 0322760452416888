//! Live seat maps, tested.
