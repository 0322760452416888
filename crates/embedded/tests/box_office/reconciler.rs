//! One round of the reconciler. It runs sequentially, so that a [`Stepper`](crate::steps::Stepper) can stop it at each
//! call of a port.

use seatkeeper_core::{
    box_office::{BoxOffice, list_unfinished, resume_payment},
    ports::Backend,
};

/// Resumes each unfinished payment by one step, and returns their number.
pub(crate) async fn resume_unfinished(office: &BoxOffice) -> Backend<usize> {
    let (mut met, mut after, mut failure) = (0, None, None);
    loop {
        let page = list_unfinished(office, after).await?;
        met += page.items.len();
        for payment in page.items {
            if let Err(error) = resume_payment(office, payment).await {
                failure = Some(error);
            }
        }
        after = page.next;
        if after.is_none() {
            return failure.map_or(Ok(met), Err);
        }
    }
}
