/** @module @kd/report/node */
export { openRunRecord, type RunRecordWriter, readRunRecord } from './runRecordFile.ts';
