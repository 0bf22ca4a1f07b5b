export { type Ledger, openLedger, readRecord } from './runRecordFile.ts';
