export { openRunRecord, type RunRecordWriter, readRunRecord } from './runRecordFile.ts';
