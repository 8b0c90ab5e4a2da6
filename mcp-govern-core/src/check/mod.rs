//! Arguments: schema and rules.
