//! What backups have become: Zoho gives a schedule that is put back a new ID, and job files go on naming the old one.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use crate::store::{Store, StoreError, Successor};
use calloff_core::ids::{BackupId, BackupRef};

/// The backups that were put back, each with the ID that it has now.
#[derive(Debug, Default)]
pub struct Successors(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    successors: BTreeMap<BackupId, BackupId>,
    /// How many payments have been read.
    place: u64,
}

impl Successors {
    /// Reads what is new in the record.
    ///
    /// # Errors
    ///
    /// If it can't be read.
    pub async fn learn(&self, store: &Store) -> Result<(), StoreError> {
        let place = self.0.read().unwrap_or_else(PoisonError::into_inner).place;
        let found = store.successors(place).await?;
        self.add(found);
        Ok(())
    }

    fn add(&self, found: Vec<Successor>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for Successor { of, is, place } in found {
            known.place = known.place.max(place);
            if of != is {
                known.successors.insert(of, is);
            }
        }
    }

    /// These backups, each under the ID that it has now, each once.
    #[must_use]
    pub fn of(&self, backups: &[BackupRef]) -> Vec<BackupRef> {
        let known = &self.0.read().unwrap_or_else(PoisonError::into_inner).successors;
        if known.is_empty() {
            return backups.to_vec();
        }
        let mut found: Vec<BackupRef> = Vec::with_capacity(backups.len());
        for backup in backups {
            let now = backup.id().map_or(BackupRef::Current, |id| BackupRef::Id(newest(known, id).clone()));
            if !found.contains(&now) {
                found.push(now);
            }
        }
        found
    }
}

fn newest<'a>(known: &'a BTreeMap<BackupId, BackupId>, id: &'a BackupId) -> &'a BackupId {
    // Zoho does not use an ID twice; if it did, this would end all the same.
    std::iter::successors(Some(id), |id| known.get(*id)).take(known.len() + 1).last().unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[&str]) -> Vec<BackupRef> {
        ids.iter().map(|id| BackupRef::parse(id).unwrap()).collect()
    }

    #[test]
    fn a_listed_backup_is_the_one_that_it_has_become() {
        let id = |id| BackupId::parse(id).unwrap();
        let successors = Successors::default();
        assert_eq!(successors.of(&ids(&["1", "2"])), ids(&["1", "2"]));
        let became = |of, is| Successor { of: id(of), is: id(is), place: 1 };
        successors.add(vec![became("1", "2"), became("2", "3"), became("7", "8")]);
        assert_eq!(successors.of(&ids(&["1", "2", "5"])), ids(&["3", "5"]), "each once");
        assert_eq!(successors.of(&ids(&["current"])), ids(&["current"]));
        successors.add(vec![became("3", "1")]);
        assert_eq!(successors.of(&ids(&["1"])).len(), 1, "a ring ends");
    }
}
