//! Time and the end of an invoice.

use super::*;

impl Invoice {
    /// When time alone changes it next.
    pub(super) fn wakes_at(&self, agreement: &Agreement) -> Option<Timestamp> {
        match self.window {
            Window::Open => Some(agreement.quote.expires_at),
            Window::Expired => Some(agreement.watched_until),
            Window::Closed => None,
        }
    }

    pub(super) fn tell_time(&self, asked: &TellTime) -> Result<Vec<Event>, Refusal> {
        let agreement = self.known()?;
        let mut events = Vec::new();
        let mut now = self.clone();
        while let Some(wakes_at) = now.wakes_at(agreement).filter(|it| *it <= asked.at) {
            let (window, is_first) = match now.window {
                Window::Open => (Window::Expired, true),
                Window::Expired | Window::Closed => (Window::Closed, false),
            };
            now.window = window;
            let (invoice_id, standing) = (asked.invoice_id.clone(), now.standing(agreement));
            let passed = Passed { invoice_id, standing, at: wakes_at };
            events.push(if is_first { Event::Expired(passed) } else { Event::Closed(passed) });
        }
        Ok(events)
    }

    /// What is decided, after everything that time alone has changed until then. What changes nothing stays quiet.
    pub(super) fn in_time(
        &self,
        at: Timestamp,
        decide: impl Fn(&Self) -> Result<Vec<Event>, Refusal>,
    ) -> Result<Vec<Event>, Refusal> {
        let passed = match &self.agreement {
            Some(agreement) => self.tell_time(&TellTime { invoice_id: agreement.invoice_id.clone(), at })?,
            None => Vec::new(),
        };
        let mut now = self.clone();
        passed.iter().for_each(|event| now.evolve(event));
        let decided = decide(&now)?;
        Ok(if decided.is_empty() { decided } else { [passed, decided].concat() })
    }

    /// Only while nothing is there: money is never cancelled away.
    pub(super) fn cancel(&self, asked: &CancelInvoice) -> Result<Vec<Event>, Refusal> {
        let agreement = self.known()?;
        if self.is_cancelled {
            return Ok(Vec::new());
        }
        if self.live(|it| it != DepositState::Gone).next().is_some() || self.settled.is_some() {
            return Err(Refusal::AlreadyPaid);
        }
        let after = Self { is_cancelled: true, window: Window::Closed, ..self.clone() };
        Ok(vec![Event::Cancelled(Cancelled {
            invoice_id: asked.invoice_id.clone(),
            reason: asked.reason.clone(),
            standing: after.standing(agreement),
            at: asked.at,
        })])
    }
}
