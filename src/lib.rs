//! Calls off scheduled Zoho CRM data backups.
