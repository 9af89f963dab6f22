//! What people have entrusted to an installation, on each database: webhooks and their secrets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail where it stands")]

mod cases;
mod following;
mod home;
mod places;
#[path = "../support/mod.rs"]
mod support;

macro_rules! on_each_database {
    ($($case:ident,)*) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $case() {
                    crate::cases::$case(crate::home::Home::in_a_file()).await;
                }
            )*
        }

        mod postgres {
            $(
                #[tokio::test]
                async fn $case() {
                    crate::cases::$case(crate::home::Home::in_a_schema().await).await;
                }
            )*
        }
    };
}

on_each_database! {
    a_webhook_is_found_by_its_id_and_its_owner_and_among_all,
    what_is_asked_for_is_changed_and_the_rest_stays,
    another_secret_takes_the_place_of_the_one_before,
    a_deleted_webhook_is_gone,
    the_same_id_again_makes_no_second_webhook,
    an_owner_has_ten_at_most_however_many_are_asked_for_at_once,
    the_revision_moves_with_each_change_and_only_then,
    everything_is_there_after_a_restart,
    each_change_is_handed_over,
}
