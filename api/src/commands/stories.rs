//! Which commands belong together: those that name the same thing are done one after the other.

use super::http::Prepared;
use crate::asking::Asking;
use mizan_domain::event::Command;
use mizan_domain::{credit, payment};
use std::collections::HashMap;

/// The most names that are kept over the chunks of an import.
const NAMES_MAX: usize = 1_000_000;

/// What belongs together, as far as commands have said so: a plan and its order, a payment and its plan.
///
/// Kept over the chunks of an import, so that a cancellation waits for payments of a plan that an earlier chunk opened.
#[derive(Debug, Default)]
pub struct Links {
    numbers: HashMap<String, usize>,
    /// For each number another one of its group, nearer to the group's first.
    nearer: Vec<usize>,
}

impl Links {
    /// The first of the group that a name belongs to.
    fn group(&mut self, name: String) -> usize {
        let next = self.nearer.len();
        let number = *self.numbers.entry(name).or_insert(next);
        if number == next {
            self.nearer.push(number);
        }
        self.first(number)
    }

    fn first(&mut self, mut number: usize) -> usize {
        while let Some(nearer) = self.nearer.get(number).copied().filter(|nearer| *nearer != number) {
            let nearest = self.nearer.get(nearer).copied().unwrap_or(nearer);
            // Halves the way for the next one who goes it.
            if let Some(slot) = self.nearer.get_mut(number) {
                *slot = nearest;
            }
            number = nearest;
        }
        number
    }

    /// Forgets what it knows where that has become too much; what stands in one request is known anyway.
    fn make_room(&mut self) {
        if self.numbers.len() > NAMES_MAX {
            *self = Self::default();
        }
    }

    fn join(&mut self, names: Vec<String>) {
        let groups: Vec<usize> = names.into_iter().map(|name| self.group(name)).collect();
        let Some(first) = groups.iter().min().copied() else { return };
        for group in groups {
            if let Some(slot) = self.nearer.get_mut(group) {
                *slot = first;
            }
        }
    }
}

/// The commands of a request, told apart by what they are about; each story in the order of the request.
pub(super) fn stories(commands: Vec<Prepared>, links: &mut Links) -> Vec<Vec<Prepared>> {
    links.make_room();
    for it in &commands {
        links.join(names(&it.command));
    }
    let mut places: HashMap<usize, usize> = HashMap::new();
    let mut stories: Vec<Vec<Prepared>> = Vec::new();
    for it in commands {
        let group = links.group(it.command.stream().to_string());
        let place = *places.entry(group).or_insert(stories.len());
        match stories.get_mut(place) {
            Some(story) => story.push(it),
            None => stories.push(vec![it]),
        }
    }
    stories
}

/// Everything that a command is about: its stream, and what it says that it belongs to.
fn names(asking: &Asking) -> Vec<String> {
    let own = asking.stream().to_string();
    let command = match asking {
        Asking::Command(command) => command,
        Asking::Later(it) => return [own].into_iter().chain(it.about().map(|it| it.to_string())).collect(),
        Asking::Customer(_) | Asking::Close { .. } => return vec![own],
    };
    let (order, plan, customer) = match command {
        Command::Order(_)
        | Command::Plan(_)
        | Command::Clock(_)
        | Command::Period(_)
        | Command::Customer(_)
        | Command::Wallet(_)
        | Command::Invoice(_)
        | Command::Deposit(_)
        | Command::Holding(_)
        | Command::Payout(_) => (None, None, None),
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
