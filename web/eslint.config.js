import vue from 'eslint-plugin-vue'
import a11y from 'eslint-plugin-vuejs-accessibility'
import globals from 'globals'
import ts from 'typescript-eslint'

/** Allowed imports: features → ui, api, live, lib, i18n; lower layers never import upper ones. */
const mayNotImport = (...folders) => [
  'error',
  {
    patterns: folders.map((folder) => ({
      group: [`@/${folder}`, `@/${folder}/**`],
      message: `Imports go the other way: this folder must not import ${folder}.`,
    })),
  },
]

export default ts.config(
  { ignores: ['dist', 'test-results', 'src/api/schema.d.ts'] },
  ...ts.configs.recommended,
  ...vue.configs['flat/recommended'],
  ...a11y.configs['flat/recommended'],
  {
    files: ['**/*.{ts,vue}'],
    languageOptions: {
      globals: globals.browser,
      parserOptions: { parser: ts.parser },
    },
    rules: {
      'max-lines': ['error', { max: 400 }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      'no-console': 'error',
      eqeqeq: 'error',
    },
  },
  {
    files: ['**/*.vue'],
    rules: {
      'max-lines': ['error', { max: 250 }],
      'vue/no-v-html': 'error',
      'vue/block-order': ['error', { order: ['script', 'template', 'style'] }],
      'vue/component-api-style': ['error', ['script-setup']],
      'vue/define-props-declaration': ['error', 'type-based'],
      'vue/define-emits-declaration': ['error', 'type-based'],
      'vue/multi-word-component-names': 'off',
      'vue/require-default-prop': 'off',
      // Formatting of the markup is left to the author; the semantic rules stay.
      'vue/max-attributes-per-line': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/html-self-closing': 'off',
      'vue/html-indent': 'off',
      'vue/html-closing-bracket-newline': 'off',
      'vue/first-attribute-linebreak': 'off',
      'vue/attributes-order': 'off',
      // NameText always shows its text, which the rule cannot see.
      'vuejs-accessibility/heading-has-content': ['error', { accessibleChildren: ['NameText'] }],
      'vuejs-accessibility/label-has-for': ['error', { required: { some: ['nesting', 'id'] } }],
    },
  },
  { files: ['src/lib/**'], rules: { 'no-restricted-imports': mayNotImport('features', 'ui', 'api', 'live') } },
  { files: ['src/ui/**'], rules: { 'no-restricted-imports': mayNotImport('features', 'api', 'live') } },
  { files: ['src/live/**'], rules: { 'no-restricted-imports': mayNotImport('features', 'ui') } },
  { files: ['src/api/**'], rules: { 'no-restricted-imports': mayNotImport('features', 'ui', 'live') } },
  // Browser tests pass functions to the page, so they use the globals of Node and of the browser.
  { files: ['e2e/**/*.js'], languageOptions: { globals: { ...globals.node, ...globals.browser } } },
  { files: ['public/**/*.js'], languageOptions: { sourceType: 'script', globals: globals.browser } },
)
