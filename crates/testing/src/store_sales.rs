//! The contract suite for [`Sales`](seatkeeper_core::ports::Sales).

use jiff::{SignedDuration, Timestamp};

use super::{
    hall_of, identity_of, movie_of, screening_of, sign_in_of,
    store_fixture::{CONFIRMING, Stage, StoreFixture, must, walk},
};
use seatkeeper_core::{
    booking::{Booking, BookingStatus},
    ids::{BookingId, HallId, MovieId, PersonId, ScreeningId},
    payment::{ConfirmOutcome, PaymentMethod, PaymentStatus},
    ports::{
        BookingFilter, CommitOutcome, MovieSales, PageRequest, ProgrammeChange, Sales, SalesTotals, StartOutcome, Store,
    },
};

/// Runs the suite on a store.
pub async fn run_all(fixture: &impl StoreFixture) {
    customer_sees_own_bookings_newest_first(fixture).await;
    administrator_finds_bookings_by_every_filter(fixture).await;
    text_search_ignores_case_and_has_no_wildcards(fixture).await;
    totals_of_sales_cover_the_whole_selection_without_refunds(fixture).await;
    sales_are_listed_in_slices_of_15_minutes(fixture).await;
    sales_by_film_are_sorted_by_revenue(fixture).await;
    sold_seats_are_counted_by_screening(fixture).await;
}

/// Sells seats of the test stage's screening to a person.
async fn sell<S: Store>(stage: &Stage<S>, person: PersonId, seats: &str) -> Booking {
    let StartOutcome::Started(payment) = stage.start(&stage.new_payment(person, seats)).await else {
        unreachable!("{seats} should be free")
    };
    must(stage.store.begin_confirming(payment.id, ConfirmOutcome::Success, stage.now()).await);
    match stage.commit(&payment, CONFIRMING).await {
        CommitOutcome::Committed(booking) => booking,
        other => unreachable!("{other:?}"),
    }
}

async fn refund<S: Store>(stage: &Stage<S>, booking: &Booking) {
    stage.close(booking.payment_id, &[PaymentStatus::Succeeded], PaymentStatus::Refunded).await;
}

async fn signed_in<S: Store>(stage: &Stage<S>, name: &str) -> PersonId {
    must(stage.store.sign_in(&sign_in_of(identity_of(name), stage.person()), stage.now()).await).id
}

async fn found<S: Store>(stage: &Stage<S>, filter: &BookingFilter) -> Vec<BookingId> {
    let page = must(stage.store.list_bookings(filter, PageRequest::FIRST).await);
    page.items.into_iter().map(|item| item.booking.id).collect()
}

async fn customer_sees_own_bookings_newest_first(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ssssssss").await;
    let (ann, ben) = (signed_in(&stage, "Ann").await, signed_in(&stage, "Ben").await);
    let mut own = Vec::new();
    for number in 1..=5 {
        own.push(sell(&stage, ann, &format!("A{number}")).await);
        stage.pass_s(i64::from(number != 3));
    }
    sell(&stage, ben, "A6").await;
    own.sort_by_key(|booking| std::cmp::Reverse((booking.created_at, booking.id)));
    let listed = walk!(stage, |page| list_bookings_of(ann, page));
    assert_eq!(listed, own, "also two bookings of the same millisecond");
    assert!(must(stage.store.list_bookings_of(stage.person(), PageRequest::FIRST).await).items.is_empty());
    assert_eq!(must(stage.store.find_booking(own[0].id).await), Some(own[0].clone()));
    assert_eq!(must(stage.store.find_booking(BookingId::from_uuid(stage.ids.next_uuid())).await), None);
}

async fn administrator_finds_bookings_by_every_filter(fixture: &impl StoreFixture) {
    let mut stage = Stage::open(fixture, "ssss").await;
    let (ann, ben) = (signed_in(&stage, "Ann").await, signed_in(&stage, "Ben").await);
    let first = sell(&stage, ann, "A1 A2").await;
    stage.pass_s(60);
    let second = sell(&stage, ben, "A3").await;
    let other = second_screening(&stage).await;
    let here = std::mem::replace(&mut stage.screening, other);
    stage.pass_s(60);
    let third = sell(&stage, ben, "A1").await;
    refund(&stage, &second).await;

    let all = BookingFilter::default();
    assert_eq!(found(&stage, &all).await, [third.id, second.id, first.id], "newest first");
    let of_movie = BookingFilter { movie_id: Some(third.movie_id), ..all.clone() };
    assert_eq!(found(&stage, &of_movie).await, [third.id]);
    let of_screening = BookingFilter { screening_id: Some(here.id), ..all.clone() };
    assert_eq!(found(&stage, &of_screening).await, [second.id, first.id]);
    let sold = BookingFilter { sold: Some((first.created_at, third.created_at)), ..all.clone() };
    assert_eq!(found(&stage, &sold).await, [second.id, first.id], "at or after, and before");
    let shown =
        BookingFilter { shown: Some((third.start_time, third.start_time + SignedDuration::from_secs(1))), ..all };
    assert_eq!(found(&stage, &shown).await, [third.id]);
    let status = |status| BookingFilter { status: Some(status), ..BookingFilter::default() };
    assert_eq!(found(&stage, &status(BookingStatus::Refunded)).await, [second.id]);
    assert_eq!(found(&stage, &status(BookingStatus::Confirmed)).await, [third.id, first.id]);
    let nobody =
        BookingFilter { movie_id: Some(MovieId::from_uuid(stage.ids.next_uuid())), ..BookingFilter::default() };
    assert!(found(&stage, &nobody).await.is_empty());
    let both = BookingFilter { text: Some("ben".to_owned()), ..status(BookingStatus::Confirmed) };
    assert_eq!(found(&stage, &both).await, [third.id], "all conditions must hold");

    let items = walk!(stage, |page| list_bookings(&BookingFilter::default(), page));
    assert_eq!(items.iter().map(|item| item.booking.id).collect::<Vec<_>>(), [third.id, second.id, first.id]);
    assert_eq!((items[0].customer_name.as_str(), items[0].customer_email.as_str()), ("Ben", "ben@example.test"));
    assert_eq!((&items[0].booking, items[0].payment_method), (&third, PaymentMethod::MockCard));
}

async fn sold_seats_are_counted_by_screening(fixture: &impl StoreFixture) {
    let mut stage = Stage::open(fixture, "sssss/pp").await;
    let (ann, here) = (signed_in(&stage, "Ann").await, stage.screening.id);
    sell(&stage, ann, "A1 B1").await;
    let refunded = sell(&stage, ann, "A2 A3").await;
    refund(&stage, &refunded).await;
    stage.confirming("A4").await;
    stage.started("A5").await;
    stage.screening = second_screening(&stage).await;
    sell(&stage, ann, "A1").await;
    let (there, unknown) = (stage.screening.id, ScreeningId::from_uuid(stage.ids.next_uuid()));
    let counted = must(stage.store.count_sold(&[there, unknown, here, there]).await);
    assert_eq!(counted, [1, 0, 2, 1], "without claimed and refunded seats; a pair is one");
    assert!(must(stage.store.count_sold(&[]).await).is_empty());
}

/// A screening of another film in another hall, three hours later.
async fn second_screening<S: Store>(stage: &Stage<S>) -> seatkeeper_core::catalogue::Screening {
    let mut movie = movie_of(MovieId::from_uuid(stage.ids.next_uuid()), "Durian Nights");
    movie.details.title_th = Some("คืนทุเรียน".to_owned());
    let hall = hall_of(HallId::from_uuid(stage.ids.next_uuid()), "Hall 2", "ssx_p");
    let start = stage.screening.start_time.saturating_add(SignedDuration::from_hours(3)).unwrap_or(Timestamp::MAX);
    let screening = screening_of(ScreeningId::from_uuid(stage.ids.next_uuid()), &movie, &hall, start);
    stage.change(ProgrammeChange::PutMovie(movie, 0)).await;
    stage.change(ProgrammeChange::PutHall(hall, 0)).await;
    stage.change(ProgrammeChange::PutScreening(screening.clone(), 0)).await;
    screening
}

async fn text_search_ignores_case_and_has_no_wildcards(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ssssss").await;
    let mut sold = Vec::new();
    for (seat, name) in ["Zoë Éclair", "สมชาย ใจดี", "100% Ann_Lee", "Ann Lee"].into_iter().enumerate()
    {
        let person = signed_in(&stage, name).await;
        sold.push(sell(&stage, person, &format!("A{}", seat + 1)).await);
        stage.pass_s(1);
    }
    let code = sold[1].code.to_lowercase();
    for (text, which) in [
        ("zoë é", vec![0]),
        ("ZOË", vec![0]),
        ("ใจดี", vec![1]),
        ("ZOE\u{308} e\u{301}", vec![0]),
        ("ａｎｎ　ｌｅｅ", vec![3]),
        (code.as_str(), vec![1]),
        ("%", vec![2]),
        ("n_l", vec![2]),
        ("ann lee", vec![3]),
        ("ANN.LEE@example", vec![3]),
        ("@EXAMPLE.test", vec![3, 2, 1, 0]),
        ("nobody", vec![]),
    ] {
        let filter = BookingFilter { text: Some(text.to_owned()), ..BookingFilter::default() };
        let expected: Vec<_> = which.iter().map(|index| sold[*index].id).collect();
        assert_eq!(found(&stage, &filter).await, expected, "{text:?}");
        let counted = must(stage.store.sum_bookings(&filter).await).bookings;
        assert_eq!(usize::try_from(counted), Ok(expected.len()), "{text:?}");
    }
}

async fn totals_of_sales_cover_the_whole_selection_without_refunds(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "sssssp").await;
    let ann = signed_in(&stage, "Ann").await;
    assert_eq!(must(stage.store.sum_bookings(&BookingFilter::default()).await), SalesTotals::default());
    sell(&stage, ann, "A1 A2").await;
    sell(&stage, ann, "A6").await;
    let back = sell(&stage, ann, "A3").await;
    refund(&stage, &back).await;
    let totals = SalesTotals { bookings: 2, seats: 3, revenue: 60_000 };
    assert_eq!(must(stage.store.sum_bookings(&BookingFilter::default()).await), totals, "without refunds");
    let refunded = BookingFilter { status: Some(BookingStatus::Refunded), ..BookingFilter::default() };
    assert_eq!(must(stage.store.sum_bookings(&refunded).await), SalesTotals::default());
}

async fn sales_are_listed_in_slices_of_15_minutes(fixture: &impl StoreFixture) {
    let stage = Stage::open(fixture, "ssssss").await;
    let (ann, began) = (stage.person(), stage.now());
    sell(&stage, ann, "A1").await;
    stage.pass_s(899);
    sell(&stage, ann, "A2 A3").await;
    let back = sell(&stage, ann, "A4").await;
    refund(&stage, &back).await;
    stage.pass_s(1_801);
    sell(&stage, ann, "A5").await;
    let slices = must(stage.store.list_sales(began, stage.after_s(1)).await);
    let shown: Vec<_> = slices
        .iter()
        .map(|slice| (slice.starts_at.duration_since(began).as_secs(), slice.totals.seats, slice.totals.revenue))
        .collect();
    assert_eq!(shown, [(0, 3, 60_000), (2_700, 1, 20_000)], "without empty slices");
    assert_eq!(slices[0].totals.bookings, 2);
    let early = must(stage.store.list_sales(began, stage.now()).await);
    assert_eq!(early.len(), 1, "before the end");
    assert!(must(stage.store.list_sales(stage.after_s(1), stage.after_s(9_000)).await).is_empty());
}

async fn sales_by_film_are_sorted_by_revenue(fixture: &impl StoreFixture) {
    let mut stage = Stage::open(fixture, "sssx").await;
    let (ann, began) = (stage.person(), stage.now());
    sell(&stage, ann, "A1").await;
    let other = second_screening(&stage).await;
    let first = std::mem::replace(&mut stage.screening, other);
    sell(&stage, ann, "A1 A2").await;
    let back = sell(&stage, ann, "A4").await;
    refund(&stage, &back).await;
    let second = stage.screening.clone();
    let films = must(stage.store.list_movie_sales(began, stage.after_s(86_400)).await);
    let of = |screening: &seatkeeper_core::catalogue::Screening, seats: u64, sold: u64, offered: u64| MovieSales {
        movie_id: screening.movie_id,
        movie_title: screening.movie_title.clone(),
        movie_title_th: screening.movie_title_th.clone(),
        totals: SalesTotals {
            bookings: u64::from(seats > 0),
            seats,
            revenue: 20_000 * i64::try_from(seats).unwrap_or(0),
        },
        shown_seats_sold: sold,
        shown_seats_offered: offered,
    };
    assert_eq!(films, [of(&second, 2, 2, 3), of(&first, 1, 1, 3)]);
    let before_shows = must(stage.store.list_movie_sales(began, first.start_time).await);
    assert_eq!(before_shows, [of(&second, 2, 0, 0), of(&first, 1, 0, 0)], "sold then, shown later");
    let only_shown = must(stage.store.list_movie_sales(second.start_time, stage.after_s(86_400)).await);
    assert_eq!(only_shown, [of(&second, 0, 2, 3)], "shown then, sold before");

    stage.pass_s(5 * 3_600);
    let mut renamed = movie_of(first.movie_id, "A new title");
    renamed.details.duration_min = 90;
    renamed.details.title_th = None;
    stage.change(ProgrammeChange::PutMovie(renamed, 1)).await;
    stage.change(ProgrammeChange::DeleteMovie(second.movie_id)).await;
    let films = must(stage.store.list_movie_sales(began, stage.now()).await);
    let titles: Vec<_> = films.iter().map(|film| film.movie_title.as_str()).collect();
    assert_eq!(titles, ["Durian Nights", "A new title"], "the title on the tickets if the film was deleted");
    let thai: Vec<_> = films.iter().map(|film| film.movie_title_th.as_deref()).collect();
    assert_eq!(thai, [Some("คืนทุเรียน"), None], "both titles come from the same source");
}
