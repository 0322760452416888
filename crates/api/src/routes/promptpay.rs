//! The PromptPay QR code of a payment: EMVCo text and SVG.

use std::fmt::Write;

use promptparse::generate::{AnyIdConfig, ProxyType, any_id};
use qrcode::{Color, EcLevel, QrCode};
use seatkeeper_core::money::Money;

use crate::wire::{ActionKind, PaymentAction};

/// Dummy payee for payment codes when none is configured.
const NOBODY: &str = "0000000000000";
/// Text drawn over every QR code: payments run through a mock provider, which does not check whether anybody has paid. It is
/// the only `text` element of the drawing: the page puts the words of its reader's language there.
const DEMO_WORDS: &str = "demo, do not pay";
/// Width of the blank margin (quiet zone) around a QR code, in modules, as required by the QR standard.
const QUIET_MODULES: usize = 4;

/// The QR code that pays `amount` to `payee`, which is a phone number, national id or wallet number.
pub(super) fn action(payee: Option<&str>, amount: Money) -> Option<PaymentAction> {
    let payload = payload(payee.unwrap_or(NOBODY), amount);
    let drawn = payload.map_err(|error| error.to_string()).and_then(|payload| {
        let svg = draw(&payload).map_err(|error| error.to_string())?;
        Ok(PaymentAction { r#type: ActionKind::PromptpayQr, payload, svg })
    });
    drawn.inspect_err(|error| tracing::error!(%error, "generating a PromptPay code failed")).ok()
}

/// The payload of the QR code, by EMVCo's rules for merchant-presented codes.
fn payload(payee: &str, amount: Money) -> promptparse::Result<String> {
    let target: String = payee.chars().filter(char::is_ascii_digit).collect();
    let proxy_type = match target.len() {
        13 => ProxyType::NatId,
        15 => ProxyType::EWalletId,
        _ => ProxyType::Msisdn,
    };
    // Two decimals of an amount below 10¹³ satang are exact in a double.
    #[expect(clippy::cast_precision_loss, reason = "prices are far below 2⁵³ satang")]
    let baht = amount.amount as f64 / 100.0;
    any_id(AnyIdConfig { proxy_type, target, amount: Some(baht) })
}

fn draw(payload: &str) -> Result<String, qrcode::types::QrError> {
    let code = QrCode::with_error_correction_level(payload, EcLevel::M)?;
    let modules = code.width();
    let side = modules + 2 * QUIET_MODULES;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path fill=\"#000\" d=\""
    );
    for (y, row) in code.to_colors().chunks(modules).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|a, b| a == b) {
            if run[0] == Color::Dark {
                let (left, top, width) = (x + QUIET_MODULES, y + QUIET_MODULES, run.len());
                // Writing to a string does not fail.
                let _ = write!(svg, "M{left} {top}h{width}v1h-{width}z");
            }
            x += run.len();
        }
    }
    svg.push_str("\"/>");
    let middle = side / 2;
    let _ = write!(
        svg,
        "<text x=\"{middle}\" y=\"{middle}\" transform=\"rotate(-30 {middle} {middle})\" text-anchor=\"middle\" \
         font-family=\"sans-serif\" font-weight=\"700\" font-size=\"5\" fill=\"#c00\" stroke=\"#fff\" stroke-width=\"1.2\" \
         paint-order=\"stroke\">{DEMO_WORDS}</text>"
    );
    svg.push_str("</svg>");
    Ok(svg)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    /// Checksum of EMVCo's merchant-presented codes: CRC-16/CCITT-FALSE over everything before its own four digits.
    fn crc(text: &str) -> String {
        let mut crc = 0xffffu16;
        for byte in text.bytes() {
            crc ^= u16::from(byte) << 8;
            for _ in 0..8 {
                crc = if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 };
            }
        }
        format!("{crc:04X}")
    }

    /// Splits an EMVCo payload into fields of tag, length and value; panics on inconsistent lengths.
    fn fields(text: &str) -> Vec<(String, String)> {
        let mut rest = text;
        let mut fields = Vec::new();
        while !rest.is_empty() {
            let length: usize = rest[2..4].parse().unwrap();
            fields.push((rest[..2].to_owned(), rest[4..4 + length].to_owned()));
            rest = &rest[4 + length..];
        }
        fields
    }

    #[test]
    fn crc_agrees_with_emvcos_example() {
        let example = "00020101021229300012D156000000000510A93FO3230Q31280012D15600000001030812345678520441115802CN\
            5914BEST TRANSPORT6007BEIJING64200002ZH0104最佳运输0202北京540523.7253031565502016233030412340603***\
            0708A60086670902ME91320016A0112233449988770708123456786304";
        assert_eq!(crc(example), "A13A");
    }

    #[test]
    fn kind_of_promptpay_payee_follows_from_the_number_of_digits() {
        let payees = [
            ("081-222-3333", "01", "0066812223333"),
            (NOBODY, "02", NOBODY),
            ("004999012345678", "03", "004999012345678"),
        ];
        for (payee, tag, written) in payees {
            let payload = payload(payee, Money::satang(42_050)).unwrap();
            let (all, check) = payload.split_at(payload.len() - 4);
            assert_eq!(check, crc(all), "{payload}");
            let fields = fields(&payload);
            let value =
                |tag: &str| fields.iter().find(|(known, _)| known == tag).map_or("", |(_, value)| value).to_owned();
            assert_eq!(
                (value("00"), value("01"), value("53"), value("58")),
                ("01".into(), "12".into(), "764".into(), "TH".into())
            );
            assert_eq!(value("54"), "420.50");
            let account = super::tests::fields(&value("29"));
            assert_eq!(account[0].1, "A000000677010111");
            assert_eq!((account[1].0.as_str(), account[1].1.as_str()), (tag, written));
        }
    }

    #[test]
    fn promptpay_payload_of_a_phone_number_equals_the_recorded_one() {
        expect!["00020101021229370016A0000006770101110113006681222333353037645802TH5406420.5063048F6C"]
            .assert_eq(&payload("0812223333", Money::satang(42_050)).unwrap());
    }

    #[test]
    fn every_promptpay_code_is_marked_as_demo() {
        for (payee, target) in [(None, "0213000000000000"), (Some("0812223333"), "01130066812223333")] {
            let code = action(payee, Money::satang(20_000)).unwrap();
            assert!(code.payload.contains(target), "{}", code.payload);
            assert_eq!(code.svg.matches("<text").count(), 1, "the page replaces the words of one element");
            assert!(code.svg.contains(&format!(">{DEMO_WORDS}</text>")), "{}", code.svg);
            assert!(code.svg.len() < 20_000, "{} bytes", code.svg.len());
        }
    }

    #[test]
    fn svg_draws_exactly_the_dark_modules_of_the_qr_code() {
        let payload = payload("0812223333", Money::satang(100)).unwrap();
        let svg = draw(&payload).unwrap();
        let code = QrCode::with_error_correction_level(&payload, EcLevel::M).unwrap();
        let mut drawn = vec![Color::Light; code.width() * code.width()];
        let path = svg.rsplit(" d=\"").next().unwrap().split('"').next().unwrap();
        for run in path.split('M').skip(1) {
            let numbers: Vec<usize> =
                run.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
            let start = (numbers[1] - QUIET_MODULES) * code.width() + numbers[0] - QUIET_MODULES;
            drawn[start..start + numbers[2]].fill(Color::Dark);
        }
        assert!(drawn == code.to_colors());
    }
}
