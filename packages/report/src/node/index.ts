/** @module @kd/report/node */
export { readDataInspection, writeDataInspection } from './dataInspectionFile.ts';
export { openRunRecord, type RunRecordWriter, readRunRecord } from './runRecordFile.ts';
