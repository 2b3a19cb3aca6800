//! Which commands of a request belong together: those that name the same thing are done one after the other.

use super::http::Prepared;
use mizan_domain::event::Command;
use mizan_domain::{credit, payment};
use std::collections::HashMap;

/// The commands of a request, told apart by what they are about.
#[derive(Default)]
pub(super) struct Stories {
    /// In the order of the request inside each story.
    pub(super) told: Vec<Vec<Prepared>>,
    story_of: HashMap<String, usize>,
}

impl Stories {
    /// Puts a command into the story of what it names; where that joins several stories, they become one.
    pub(super) fn tell(&mut self, prepared: Prepared) {
        let names = names(&prepared.command);
        let mut known: Vec<usize> = names.iter().filter_map(|name| self.story_of.get(name).copied()).collect();
        known.sort_unstable();
        known.dedup();
        let story = known.first().copied().unwrap_or(self.told.len());
        if story == self.told.len() {
            self.told.push(Vec::new());
        }
        for other in known.into_iter().skip(1) {
            let joined = self.told.get_mut(other).map(std::mem::take).unwrap_or_default();
            if let Some(story) = self.told.get_mut(story) {
                story.extend(joined);
                story.sort_by_key(|it| it.index);
            }
            self.story_of.values_mut().filter(|it| **it == other).for_each(|it| *it = story);
        }
        self.story_of.extend(names.into_iter().map(|name| (name, story)));
        if let Some(story) = self.told.get_mut(story) {
            story.push(prepared);
        }
    }
}

/// Everything that a command is about: its stream, and what it says that it belongs to.
fn names(command: &Command) -> Vec<String> {
    let own = command.stream().to_string();
    let (order, plan, customer) = match command {
        Command::Order(_) | Command::Plan(_) | Command::Clock(_) => (None, None, None),
        Command::Payment(payment) => match opening(payment) {
            // What is paid of a plan is free again of the customer's limit.
            Some(intent) => {
                let customer = intent.plan_id.as_ref().and(intent.customer_id.as_ref());
                (intent.order_id.as_ref(), intent.plan_id.as_ref(), customer)
            }
            None => (None, None, None),
        },
        Command::Credit(credit::Command::Reserve(it)) => (it.offer.order_id.as_ref(), Some(&it.offer.plan_id), None),
        Command::Credit(credit::Command::SetLimit(_) | credit::Command::RecordExposure(_)) => (None, None, None),
    };
    let order = order.map(|it| format!("order/{it}"));
    let plan = plan.map(|it| format!("plan/{it}"));
    let customer = customer.map(|it| format!("credit/{it}"));
    [own].into_iter().chain(order).chain(plan).chain(customer).collect()
}

fn opening(command: &payment::Command) -> Option<&payment::Intent> {
    use payment::Command as It;
    match command {
        It::Authorise(it) => Some(&it.intent),
        It::Decline(it) => Some(&it.intent),
        It::Receive(it) => Some(&it.intent),
        It::ReportUnknown(it) => it.intent.as_ref(),
        It::Capture(_)
        | It::Void(_)
        | It::ReverseCapture(_)
        | It::Refund(_)
        | It::ConfirmRefund(_)
        | It::FailRefund(_)
        | It::OpenDispute(_)
        | It::WinDispute(_)
        | It::LoseDispute(_)
        | It::RecordFee(_)
        | It::RecordPayout(_)
        | It::FailAttempt(_) => None,
    }
}
