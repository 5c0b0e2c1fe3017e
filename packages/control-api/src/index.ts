/** The face for those who start a control API from their own code. */
export { type ControlApi, createControlApi } from './control-api.ts'
export type { ControlSettings } from './settings.ts'
