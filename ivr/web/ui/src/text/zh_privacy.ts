/** The words of what is covered, and of what is kept. */
export const zhPrivacy = {
  'privacy.masked': '号码和姓名已遮盖，录音相应处是提示音',
  'privacy.locked': '录音转写完成前无法遮盖号码，暂不能播放',
  'privacy.reason': '查看原因（会记入审计）',
  'privacy.show': '查看原文',
}
