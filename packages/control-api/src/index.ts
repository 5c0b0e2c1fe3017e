/** The face for those who start a control API from their own code. */
export { type ControlApi, type ControlRoots, createControlApi } from './control-api.ts'
export { BadSettings, type ControlSettings, type GivenSettings } from './settings.ts'
