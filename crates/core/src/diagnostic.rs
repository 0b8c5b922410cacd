//! What is wrong with a configuration, as data: no colours, no terminal, no file access.
