//! A person whose client has cookies like a browser.

use std::time::Instant;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Answer, TestApp, TestScreening, come_back, eventually, served};

/// A person, signed in or not.
#[derive(Clone)]
pub(crate) struct TestPerson {
    pub(crate) client: Client,
    pub(crate) url: String,
    pub(crate) email: String,
    pub(crate) id: String,
    /// The session cookie: `seatkeeper_session=…`.
    pub(crate) session: String,
}

impl TestPerson {
    pub(crate) fn stranger(url: &str) -> Self {
        Self {
            client: TestApp::client(),
            url: url.to_owned(),
            email: String::new(),
            id: String::new(),
            session: String::new(),
        }
    }

    pub(crate) async fn sign_in(url: &str, name: &str) -> Self {
        let asked = Instant::now();
        loop {
            match Self::try_sign_in(url, name).await {
                Ok(person) => return person,
                Err(refused) => come_back(asked, &refused).await,
            }
        }
    }

    async fn try_sign_in(url: &str, name: &str) -> Result<Self, Answer> {
        let mut person = Self::stranger(url);
        person.email = if name.contains('@') { name.to_owned() } else { format!("{name}@example.test") };
        let mut next = format!("{url}/api/auth/google/login?return_to=/&login_hint={}", person.email);
        // Follows three redirects: of the login call, the provider and the callback.
        for _ in 0..3 {
            let answer = person.client.get(&next).send().await.unwrap();
            if !answer.status().is_redirection() {
                return Err(Answer::read(answer).await);
            }
            let mut cookies = answer.headers().get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
            let session = cookies.rfind(|cookie| cookie.contains("seatkeeper_session="));
            person.session = session.map_or(person.session, |cookie| cookie.split(';').next().unwrap().to_owned());
            let location = answer.headers()["location"].to_str().unwrap();
            next = if location.starts_with('/') { format!("{url}{location}") } else { location.to_owned() };
        }
        assert!(next.ends_with('/'), "{next}");
        let me = served(|| person.get("/api/auth/me")).await.expect(200);
        person.id = me["id"].as_str().unwrap().to_owned();
        Ok(person)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        Answer::read(request.send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(&body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    pub(crate) async fn lock(&self, screening: &TestScreening, seats: &[&str]) -> Answer {
        self.post("/api/lock", json!({"screening_id": screening.id, "seat_ids": seats})).await
    }

    pub(crate) async fn unlock(&self, screening: &TestScreening, seats: &[&str]) -> Answer {
        let body = json!({"screening_id": screening.id, "seat_ids": seats});
        self.send(self.request(Method::DELETE, "/api/lock").json(&body)).await
    }

    pub(crate) async fn hold(&self, screening: &TestScreening) -> Value {
        self.get(&format!("/api/lock?screening_id={}", screening.id)).await.expect(200)
    }

    pub(crate) async fn start_payment(&self, screening: &TestScreening) -> Answer {
        self.post("/api/payments", json!({"screening_id": screening.id, "method": "mock_card"})).await
    }

    pub(crate) async fn confirm(&self, payment: &str, outcome: &str) -> Answer {
        self.post(&format!("/api/payments/{payment}/confirm"), json!({"outcome": outcome})).await
    }

    pub(crate) async fn cancel(&self, payment: &str) -> Answer {
        self.post(&format!("/api/payments/{payment}/cancel"), json!({})).await
    }

    /// Locks seats, pays for them and confirms the payment. Returns the booking.
    pub(crate) async fn buy(&self, screening: &TestScreening, seats: &[&str]) -> Value {
        self.lock(screening, seats).await.expect(200);
        let payment = self.start_payment(screening).await.expect(201);
        let confirmed = self.confirm(payment["id"].as_str().unwrap(), "success").await.expect(200);
        confirmed["booking"].clone()
    }

    /// Like `buy`. Starts again when the short lifetime of the payment is over too early on a busy machine.
    pub(crate) async fn buy_in_time(&self, screening: &TestScreening, seats: &[&str]) -> Value {
        eventually("the booking is paid in time", || async {
            self.lock(screening, seats).await.expect(200);
            let payment = self.start_payment(screening).await.expect_unless(201, "nothing_locked")?;
            let confirmed = self.confirm(payment["id"].as_str().unwrap(), "success").await;
            Some(confirmed.expect_unless(200, "payment_expired")?["booking"].clone())
        })
        .await
    }

    /// All items of a list, which is read page by page.
    pub(crate) async fn list_all(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        let joint = if path.contains('?') { '&' } else { '?' };
        loop {
            let page = self.get(&format!("{path}{joint}limit=200{cursor}")).await.expect(200);
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }
}
