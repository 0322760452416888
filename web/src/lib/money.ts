/** An amount in minor units (satang), as the server sends it. */
export interface Money {
  amount: number
  currency: string
}

export const MINOR_PER_MAJOR = 100

/** Formats an amount as `฿320`, or `฿320.50` with satang: with the currency sign, not the code, in both languages. */
export function formatMoney(money: Money, language: string): string {
  const major = money.amount / MINOR_PER_MAJOR
  return new Intl.NumberFormat(language, {
    style: 'currency',
    currency: money.currency,
    currencyDisplay: 'narrowSymbol',
    minimumFractionDigits: Number.isInteger(major) ? 0 : 2,
    maximumFractionDigits: 2,
  }).format(major)
}

/** Formats an amount without a currency, for sentences that name the currency ("320 baht"). */
export function formatAmount(money: Money, language: string): string {
  return new Intl.NumberFormat(language, { maximumFractionDigits: 2 }).format(money.amount / MINOR_PER_MAJOR)
}

export function sumMoney(parts: readonly Money[], currency: string): Money {
  return { amount: parts.reduce((sum, part) => sum + part.amount, 0), currency: parts[0]?.currency ?? currency }
}

/** Converts the text of a price field (baht) to minor units (satang). Returns null when the text is not an amount. */
export function parseMajor(text: string): number | null {
  const trimmed = text.trim().replaceAll(',', '')
  if (!/^\d{1,6}(\.\d{1,2})?$/.test(trimmed)) return null
  return Math.round(Number(trimmed) * MINOR_PER_MAJOR)
}
