//! A simulator of Zoho CRM's backup endpoints.
