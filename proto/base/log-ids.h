/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the journal's MESSAGE_ID says of a line (sd_journal_print(3), `journalctl MESSAGE_ID=…`):
 * the kind of event, whatever its words. An id is made once (`systemd-id128 new`), never changed
 * and never used for another event; platend(8) and platen-agent(8) list them. tests/check-ids holds
 * it to that.
 */
#ifndef PLATEN_BASE_LOG_IDS_H
#define PLATEN_BASE_LOG_IDS_H

/* The host: platend */
#define LOG_ID_HOST_READY	     "843e605253cf4bc0869da92f85194888"
#define LOG_ID_HOST_SETTINGS	     "fe3fd0032fc942efb847d2b8ab72638c" /* read again, or wrong */
#define LOG_ID_HOST_SPOOLER	     "808e98c914f64d9ca924351a3eebd5c4" /* answers, or does not */
#define LOG_ID_HOST_LIBVIRT	     "a4f317e6e33741829423e5be7e65d41b" /* answers, or does not */
#define LOG_ID_WORKSPACE_CONNECTED   "3ffc02d9abde4cd0a2ad11ea66cca221"
#define LOG_ID_WORKSPACE_LOST	     "f3c102b6b56946abaac1b2cb6057c847"
#define LOG_ID_WORKSPACE_VIOLATION   "8446a4218bef4d9786d7e99352ca3a4a" /* by its channel */
#define LOG_ID_WORKSPACE_RESTART_ASK "36a6712d02b04bc6a097abbc320192b6" /* people are asked */
#define LOG_ID_WORKSPACE_RESTART     "ffc74f4e31b74c6d9be796174e2320db"
#define LOG_ID_DRIVER_READY	     "5ecfbde8d9c44eaa9b20ab021f0d64b7"
#define LOG_ID_DRIVER_NONE	     "a792175eafbd4fe09d8764da17597075" /* missing, refused, failed */
#define LOG_ID_JOB_RELEASED	     "610a4367f9c040f88e43419f650836f2" /* whole, given to the spooler */
#define LOG_ID_JOB_ENDED	     "9ea5afceb37d4a8a91476a761d87bef4" /* completed, cancelled, aborted */
#define LOG_ID_JOB_REFUSED	     "40d7d8b0301d4d7b8e49d8ae10d8dbe0"
#define LOG_ID_JOB_UNSURE	     "f007173201b444db915aeab11504f9ef" /* whether it came out */

/* The workspace: platen-agent */
#define LOG_ID_AGENT_READY	 "33def512977e44369bf32a45fa313b59"
#define LOG_ID_AGENT_SETTINGS	 "8ceb841b94da48ffae671eb9815027fb" /* read again, or wrong */
#define LOG_ID_AGENT_SPOOLER	 "0da20af0b68146279af7f22e5690b782" /* answers, or does not */
#define LOG_ID_AGENT_CONNECTED	 "4633fee1520f4a47a569c7959cc5f5e1"
#define LOG_ID_AGENT_LOST	 "9103fdf3ec044440bc1a9c4be7891d7e"
#define LOG_ID_PRINTER_READY	 "2db1fd5c9dc644e79871574b25863e53"
#define LOG_ID_PRINTER_GONE	 "969cd2e424264016914645e92fd7cd09"
#define LOG_ID_PRINTER_FAULT	 "ecc8064308d142b6b29a8c146054850c"
#define LOG_ID_PACKAGE_INSTALLED "a232d1fd56da4bbd9ae828c995027418"
#define LOG_ID_PACKAGE_FAILED	 "aecfe790146f4835a0d118d53f9e29a6"
#define LOG_ID_AGENT_JOB_ENDED	 "2cc90847c5ef455db51947686e27e320"
#define LOG_ID_AGENT_JOB_AGAIN	 "cf4686e956c245f98ccfce1a4322b22b" /* its spooler lost it */

#endif
