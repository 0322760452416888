import { Chart } from 'chart.js'
import { computed } from 'vue'
import { useTheme } from '@/lib/useTheme'

const SERIES = ['1', '2', '3', '4', '5', '6', '7', '8']

/** A canvas cannot use CSS custom properties, so the colour tokens are read from the page whenever the theme changes. */
export function useChartColors() {
  const { shown } = useTheme()
  return computed(() => {
    void shown.value
    const style = getComputedStyle(document.documentElement)
    Chart.defaults.font.family = style.getPropertyValue('--font-sans')
    const token = (name: string) => style.getPropertyValue(`--color-${name}`).trim()
    return { ink: token('ink-soft'), line: token('line'), surface: token('surface'), series: SERIES.map((n) => token(`chart-${n}`)) }
  })
}
