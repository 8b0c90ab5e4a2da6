//! Governance as one declarative document.
