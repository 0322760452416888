import 'vue-sonner/style.css'

export { Toaster, toast } from 'vue-sonner'
