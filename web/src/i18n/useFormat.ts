import { useI18n } from 'vue-i18n'
import { useSiteStore } from '@/api/site'
import { inLanguage, langOf } from '@/lib/language'
import { formatMoney, type Money } from '@/lib/money'
import { isSameWord } from '@/lib/text'
import * as time from '@/lib/time'

/** Formats times in the cinema's time zone, and amounts and names in the page's language. */
export function useFormat() {
  const { locale, t, te, tm } = useI18n()
  const store = useSiteStore()
  const zone = () => store.site.time_zone
  return {
    money: (money: Money) => formatMoney(money, locale.value),
    /** The sum of an order, which may be nothing. */
    total: (money: Money) => (money.amount === 0 ? t('site.free') : formatMoney(money, locale.value)),
    number: (value: number) => new Intl.NumberFormat(locale.value).format(value),
    percent: (value: number) => new Intl.NumberFormat(locale.value, { style: 'percent' }).format(value),
    time: (instant: string) => time.formatTime(instant, zone(), locale.value),
    date: (instant: string) => time.formatDate(instant, zone(), locale.value),
    dateTime: (instant: string) => time.formatDateTime(instant, zone(), locale.value),
    dayTime: (instant: string) => time.formatDayTime(instant, zone(), locale.value),
    day: (day: string, style?: Intl.DateTimeFormatOptions) => time.formatDay(day, locale.value, style),
    compare: (a: string, b: string) => new Intl.Collator(locale.value, { numeric: true }).compare(a, b),
    title: (film: { title: string; title_th?: string | null }) => inLanguage(locale.value, film.title, film.title_th),
    /** The film's title of a showing, booking or report. */
    movieTitle: (of: { movie_title: string; movie_title_th?: string | null }) => inLanguage(locale.value, of.movie_title, of.movie_title_th),
    hall: (hall: { name: string; name_th?: string | null }) => inLanguage(locale.value, hall.name, hall.name_th),
    /** The hall's name of a showing, booking or entry of the audit log. */
    hallName: (of: { hall_name: string; hall_name_th?: string | null }) => inLanguage(locale.value, of.hall_name, of.hall_name_th),
    /** The `lang` of a text of the cinema, such as a title that has no translation. */
    lang: (text: string) => langOf(text, locale.value),
    synopsis: (film: { synopsis?: string | null; synopsis_th?: string | null }) =>
      inLanguage(locale.value, film.synopsis, film.synopsis_th),
    /** Genres and price categories are entered by the administrator; common ones are translated, others shown as entered. */
    genre: (slug: string) => (te(`genre.${slug}`) ? t(`genre.${slug}`) : slug),
    /** The genre of a name in the page's language, else the name itself. */
    genreOf: (name: string) => Object.keys(tm('genre')).find((slug) => isSameWord(t(`genre.${slug}`), name)) ?? name,
    rating: (rating: string) => (te(`rating.${rating}`) ? t(`rating.${rating}`) : rating),
    category: (slug: string) => (te(`category.${slug}`) ? t(`category.${slug}`) : slug),
  }
}
