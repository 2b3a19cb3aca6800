//! The rules of payouts: who approves, where to, and how much a day.

use crate::money::Money;
use crate::text::Text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The most people who may approve.
pub const APPROVERS_MAX: usize = 20;
/// The longest cool-off of a destination, in seconds: 30 days.
pub const COOL_OFF_S_MAX: u32 = 30 * 86_400;

/// How payouts of an asset are decided. A request keeps the rules that it was made under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutRules {
    /// Who may approve. Whoever asks for a payout does not approve it.
    pub approvers: BTreeSet<Text>,
    /// How many of them have to. One denial rejects.
    pub approvals_needed: u32,
    /// The most that may be asked for on one day (UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily_cap: Option<Money>,
    /// The most that the chain's fee of one payout should be; a higher one that was paid is marked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fee_cap: Option<Money>,
    /// A destination can be used so many seconds after it was allowed.
    pub cool_off_s: u32,
    /// Whether payouts that are no refunds go to allowed destinations only.
    pub is_allow_list_needed: bool,
}

impl PayoutRules {
    /// Whether the rules can be kept, for amounts of an asset.
    #[must_use]
    pub fn is_sound(&self, is_of_asset: impl Fn(&Money) -> bool) -> bool {
        let needed = usize::try_from(self.approvals_needed).unwrap_or(usize::MAX);
        let has_people = needed > 0 && needed <= self.approvers.len() && self.approvers.len() <= APPROVERS_MAX;
        let is_cap_good = self.daily_cap.is_none_or(|it| is_of_asset(&it) && it.is_positive());
        let is_fee_good = self.fee_cap.is_none_or(|it| it.currency().asset().is_some() && it.minor() >= 0);
        has_people && is_cap_good && is_fee_good && self.cool_off_s <= COOL_OFF_S_MAX
    }

    /// Whether enough people can approve what somebody asks for.
    #[must_use]
    pub fn can_approve_for(&self, requested_by: &Text) -> bool {
        let others = self.approvers.iter().filter(|it| *it != requested_by).count();
        u32::try_from(others).is_ok_and(|others| others >= self.approvals_needed)
    }
}
