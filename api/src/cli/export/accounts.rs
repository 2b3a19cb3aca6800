//! The names of accounts in books that are not ours: a class, the account, and below it its detail.

use mizan_domain::Account;
use std::collections::{HashMap, HashSet};

/// The names that a book has given so far, so that two accounts never share one.
#[derive(Default)]
pub(super) struct Names {
    given: HashMap<Account, String>,
    taken: HashSet<String>,
}

impl Names {
    /// The name of an account, and whether it is given for the first time. Where the book's alphabet makes two accounts
    /// look the same, the later one gets a number.
    pub(super) fn of(&mut self, account: &Account, name: impl Fn(&Account) -> String) -> (&str, bool) {
        let is_new = !self.given.contains_key(account);
        if is_new {
            let plain = name(account);
            let numbered = (2_u32..).map(|nth| format!("{plain}-{nth}"));
            let free = std::iter::once(plain.clone()).chain(numbered).find(|it| !self.taken.contains(it));
            let free = free.unwrap_or(plain);
            self.taken.insert(free.clone());
            self.given.insert(account.clone(), free);
        }
        (self.given.get(account).map_or("", String::as_str), is_new)
    }
}

/// The part of an account's code after the colon.
pub(super) fn detail(account: &Account) -> Option<String> {
    let code = account.to_string();
    code.split_once(':').map(|(_, detail)| detail.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_accounts_never_share_a_name() {
        let mut names = Names::default();
        let accounts = ["tax_payable:de", "tax_payable:De", "tax_payable:DE"].map(|it| it.parse::<Account>().unwrap());
        let shout = |it: &Account| it.to_string().to_uppercase();
        let given: Vec<String> = accounts.iter().map(|it| names.of(it, shout).0.to_owned()).collect();
        assert_eq!(given, ["TAX_PAYABLE:DE", "TAX_PAYABLE:DE-2", "TAX_PAYABLE:DE-3"]);
        assert_eq!(names.of(&accounts[1], shout), ("TAX_PAYABLE:DE-2", false));
    }
}
