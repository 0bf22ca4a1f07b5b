/** @module @kd/report/node */
export { readDataInspection, writeDataInspection } from './dataInspectionFile.ts';
export { readExportRecord } from './exportRecordFile.ts';
export { openRunRecord, type RunRecordWriter, readRunRecord } from './runRecordFile.ts';
