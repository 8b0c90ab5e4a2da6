//! What the example programs share: the three vendors, accounts there as the environment describes them, APIs of one's own, and the
//! nearest of known names.
//!
//! ```
//! use example_vendors::{Account, Environment, Place, Vendor};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let environment = Environment::of([("STATUSPAGE_API_KEY", "secret")]);
//! let account = Account::from_environment(Vendor::Statuspage, &environment)?;
//! let spec = account.server_spec(&Place::default())?;
//! assert_eq!(spec.prefix.as_str(), "statuspage");
//! assert!(Account::from_environment(Vendor::Opsgenie, &environment).is_err());
//! # Ok(())
//! # }
//! ```

mod account;
mod environment;
mod nearest;
mod own_api;
mod vendor;

pub use account::{Account, AccountError, Place};
pub use environment::Environment;
pub use nearest::nearest;
pub use own_api::{OwnApi, OwnEdition};
pub use vendor::{UnknownVendor, Vendor};
