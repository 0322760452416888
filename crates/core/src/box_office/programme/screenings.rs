//! Adding, changing and deleting screenings.

use jiff::{SignedDuration, Timestamp};

use super::{CHANGE_TRIES_MAX, ChangeOutcome, Editor, answer, details::of_screening};
use crate::{
    box_office::{BoxOffice, maps::mend_screening},
    catalogue::{Hall, MovieDetails, Prices, Screening},
    ids::{HallId, MovieId, ScreeningId},
    invalid::{Invalid, Rule},
    money::PRICE_SATANG_MAX,
    ports::{Backend, ProgrammeChange, ProgrammeOutcome},
    seating::{CATEGORY_CHARS_MAX, Layout, ROWS_MAX},
    text,
};

/// How far ahead a screening may start. A later start is refused as a probable typing error in the year.
pub const START_AHEAD_MAX: SignedDuration = SignedDuration::from_hours(10 * 366 * 24);

/// The fields of a screening that an administrator sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScreeningDetails {
    /// The film.
    pub movie_id: MovieId,
    /// The hall.
    pub hall_id: HallId,
    /// The start.
    pub start_time: Timestamp,
    /// The price of each category.
    pub prices: Prices,
}

/// Adds a screening with its own copy of the hall's layout, and returns it with its revision.
///
/// # Errors
/// A call to the store failed.
pub async fn create_screening(
    office: &BoxOffice,
    editor: Editor<'_>,
    id: ScreeningId,
    details: ScreeningDetails,
) -> Backend<ChangeOutcome<(Screening, u64)>> {
    for _ in 0..CHANGE_TRIES_MAX {
        let screening = match build_screening(office, id, details.clone(), None).await? {
            Ok(screening) => screening,
            Err(refused) => return Ok(refused),
        };
        let logged = of_screening(None, Some(&screening));
        let change = ProgrammeChange::PutScreening(screening.clone(), 0);
        match office.change(editor, "screening_created", id.to_string(), logged, change, (screening, 1)).await? {
            // The film's length changed between the read and the write: try again.
            Err(ProgrammeOutcome::Changed) => {}
            changed => return Ok(answer(changed)),
        }
    }
    Ok(ChangeOutcome::Busy)
}

/// Changes a screening and returns it with its revision. A move to another time, hall or film is refused once seats are
/// locked, claimed or sold. A change without effect is not written and leaves the revision as it is.
///
/// # Errors
/// A call to the store or to the lock store failed.
pub async fn update_screening(
    office: &BoxOffice,
    editor: Editor<'_>,
    id: ScreeningId,
    edit: impl Fn(ScreeningDetails) -> ScreeningDetails + Send + Sync,
) -> Backend<ChangeOutcome<(Screening, u64)>> {
    for _ in 0..CHANGE_TRIES_MAX {
        let Some((old, revision)) = office.stores.programme.find_screening(id).await? else {
            return Ok(ChangeOutcome::NotFound);
        };
        if old.is_cancelled {
            return Ok(ChangeOutcome::Cancelled);
        }
        let details = edit(ScreeningDetails {
            movie_id: old.movie_id,
            hall_id: old.hall_id,
            start_time: old.start_time,
            prices: old.prices.clone(),
        });
        let moves =
            (details.movie_id, details.hall_id, details.start_time) != (old.movie_id, old.hall_id, old.start_time);
        let screening = match build_screening(office, id, details, Some(&old)).await? {
            Ok(screening) => screening,
            Err(refused) => return Ok(refused),
        };
        if screening == old {
            return Ok(ChangeOutcome::Done((old, revision)));
        }
        if moves && has_locks(office, id).await? {
            return Ok(ChangeOutcome::HasBookings);
        }
        let logged = of_screening(Some(&old), Some(&screening));
        let change = ProgrammeChange::PutScreening(screening.clone(), revision);
        let changed = (screening, revision + 1);
        match office.change(editor, "screening_changed", id.to_string(), logged, change, changed).await? {
            Err(ProgrammeOutcome::Changed) => {}
            changed => return Ok(answer(changed)),
        }
    }
    Ok(ChangeOutcome::Busy)
}

/// Deletes a screening if no seat is locked, claimed or sold.
///
/// # Errors
/// A call to the store or to the lock store failed.
pub async fn delete_screening(office: &BoxOffice, editor: Editor<'_>, id: ScreeningId) -> Backend<ChangeOutcome<()>> {
    let old = match office.stores.programme.find_screening(id).await? {
        None => return Ok(ChangeOutcome::NotFound),
        Some((screening, _)) if screening.is_cancelled => return Ok(ChangeOutcome::Cancelled),
        Some((screening, _)) => screening,
    };
    if has_locks(office, id).await? {
        return Ok(ChangeOutcome::HasBookings);
    }
    let logged = of_screening(Some(&old), None);
    let change = ProgrammeChange::DeleteScreening(id);
    Ok(answer(office.change(editor, "screening_deleted", id.to_string(), logged, change, ()).await?))
}

async fn has_locks(office: &BoxOffice, id: ScreeningId) -> Backend<bool> {
    office.locks.sweep().await?;
    // Loads the seat map first: while it is not loaded, as after a restart, the number of its locks is unknown.
    mend_screening(office, id).await?;
    let taken = office.locks.list_states(&[id]).await?.first().copied().flatten().map_or(0, |(_, taken)| taken);
    Ok(taken > 0)
}

async fn build_screening(
    office: &BoxOffice,
    id: ScreeningId,
    details: ScreeningDetails,
    old: Option<&Screening>,
) -> Backend<Result<Screening, ChangeOutcome<(Screening, u64)>>> {
    let ScreeningDetails { movie_id, hall_id, start_time, prices } = details;
    if let Err(invalid) = check_prices(&prices) {
        return Ok(Err(ChangeOutcome::Invalid(invalid)));
    }
    // Stores truncate times to milliseconds, so compare the truncated time.
    let start_time = Timestamp::from_millisecond(start_time.as_millisecond()).unwrap_or(start_time);
    if start_time.duration_since(office.now()) > START_AHEAD_MAX {
        let too_far = Rule::DaysAhead { max: START_AHEAD_MAX.as_hours() / 24 };
        return Ok(Err(ChangeOutcome::Invalid(Invalid::one("start_time", too_far))));
    }
    // The film and hall of an unchanged past screening are not looked up, because they may have been deleted.
    let same_start = old.is_some_and(|old| old.start_time == start_time);
    let same_show = old.filter(|old| same_start && old.movie_id == movie_id);
    let ((movie_title, movie_title_th), end_time, hall_free_at) = match same_show {
        Some(old) => ((old.movie_title.clone(), old.movie_title_th.clone()), old.end_time, old.hall_free_at),
        None => {
            let Some((movie, _)) = office.stores.programme.find_movie(movie_id).await? else {
                return Ok(Err(ChangeOutcome::MovieMissing));
            };
            let MovieDetails { title, title_th, duration_min, .. } = movie.details;
            let end_time = Screening::end_of(start_time, duration_min);
            ((title, title_th), end_time, Screening::hall_free_after(end_time, office.settings.cleaning_minutes))
        }
    };
    let same_hall = old.filter(|old| old.hall_id == hall_id);
    let ((hall_name, hall_name_th), layout) = match same_hall.filter(|_| same_start) {
        Some(old) => ((old.hall_name.clone(), old.hall_name_th.clone()), old.layout.clone()),
        None => match office.stores.programme.find_hall(hall_id).await? {
            Some((Hall { name, name_th, layout, .. }, _)) => {
                ((name, name_th), same_hall.map_or(layout, |old| old.layout.clone()))
            }
            None => return Ok(Err(ChangeOutcome::HallMissing)),
        },
    };
    let prices = match spell_categories(&layout, prices, old.map(|old| &old.prices)) {
        Ok(prices) => prices,
        Err(invalid) => return Ok(Err(ChangeOutcome::Invalid(invalid))),
    };
    let missing = Screening::missing_prices(&layout, &prices);
    if !missing.is_empty() {
        return Ok(Err(ChangeOutcome::PriceMissing(missing.into_iter().map(str::to_owned).collect())));
    }
    if !same_start && start_time <= office.now() {
        return Ok(Err(ChangeOutcome::StartsInPast));
    }
    Ok(Ok(Screening {
        id,
        movie_id,
        hall_id,
        start_time,
        end_time,
        hall_free_at,
        is_cancelled: false,
        movie_title,
        movie_title_th,
        hall_name,
        hall_name_th,
        layout,
        prices,
    }))
}

/// Writes the categories of prices as the layout does: `vip` for a hall with `VIP` is a price of `VIP`. Earlier versions
/// stored prices for both spellings: the price of the spelling that the layout does not have is dropped if `old` has the same
/// price, and refused as a duplicate otherwise.
fn spell_categories(layout: &Layout, given: Prices, old: Option<&Prices>) -> Result<Prices, Invalid> {
    let known = layout.categories();
    // The exact names first: halls of earlier versions may have categories that differ in case only.
    let (mut prices, others): (Prices, Prices) =
        given.into_iter().partition(|(category, _)| known.contains(&category.as_str()));
    let mut invalid = Invalid::default();
    for (category, price) in others {
        let same = |name: &&&str| text::folded(name) == text::folded(category.trim());
        let spelled = known.iter().find(same).map_or(category.trim(), |name| name);
        if prices.contains_key(spelled) {
            let is_stored = old.is_some_and(|old| old.get(&category) == Some(&price));
            invalid.check(is_stored, format!("prices.{category}"), Rule::PriceUnique {});
        } else {
            prices.insert(spelled.to_owned(), price);
        }
    }
    invalid.or(prices)
}

/// Checks amounts and category names, independently of any hall.
///
/// # Errors
/// Every category whose price or name breaks a rule.
pub fn check_prices(prices: &Prices) -> Result<(), Invalid> {
    let mut invalid = Invalid::default();
    invalid.check(prices.len() <= ROWS_MAX, "prices", Rule::ItemsMax { max: ROWS_MAX });
    for (category, price) in prices {
        let field = format!("prices.{category}");
        invalid.check(price.is_price(), &field, Rule::Price { max: PRICE_SATANG_MAX });
        if let Err(broken) = text::check_line(category, CATEGORY_CHARS_MAX) {
            invalid.add(&field, broken);
        }
    }
    invalid.or(())
}
