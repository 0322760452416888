export default {
  admin: {
    action: {
      sign_in: 'เข้าสู่ระบบ', sign_out: 'ออกจากระบบ', admin_refused: 'ถูกปฏิเสธที่หน้าผู้ดูแล', demo_filled: 'สร้างโรงหนังตัวอย่าง',
      admin_added: 'เพิ่มผู้ดูแล', became_admin: 'เป็นผู้ดูแลแล้ว', role_changed: 'เปลี่ยนบทบาท',
      movie_created: 'เพิ่มหนัง', movie_changed: 'แก้ไขหนัง', movie_deleted: 'ลบหนัง',
      hall_created: 'เพิ่มโรง', hall_changed: 'แก้ไขโรง', hall_deleted: 'ลบโรง',
      screening_created: 'เพิ่มรอบฉาย', screening_changed: 'แก้ไขรอบฉาย', screening_deleted: 'ลบรอบฉาย',
    },
    released: { user_unlocked: 'ลูกค้าปล่อยที่นั่ง', expired: 'ปล่อยที่นั่งเพราะหมดเวลา' },
    refund_reason: { seats_lost: 'ที่นั่งถูกขายให้คนอื่นแล้ว', sales_closed: 'ปิดการขายแล้ว', provider_refunded: 'ผู้ให้บริการชำระเงินคืนเงิน' },
    layout_changed: 'เปลี่ยนผังที่นั่ง', raw: 'ข้อมูลดิบ',
    nothing: 'ไม่มี',
    role: { ADMIN: 'ผู้ดูแลระบบ', USER: 'ลูกค้า' },
    issuer: { demo: 'ระบบสาธิต' },
    system_error: {
      internal: 'โปรแกรมขัดข้อง', unavailable: 'บริการของโปรแกรมขัดข้อง กำลังลองใหม่', recovered: 'บริการของโปรแกรมกลับมาทำงานแล้ว',
      unreadable_event: 'อ่านเหตุการณ์ที่เก็บไว้ไม่ได้', capture_failed: 'ขายที่นั่งแล้ว แต่เรียกเก็บเงินไม่ได้',
    },
  },
}
