export default {
  admin: {
    nav: { label: 'ผู้ดูแลระบบ', overview: 'ภาพรวม', bookings: 'การจอง', movies: 'หนัง', halls: 'โรง', screenings: 'รอบฉาย', audit: 'บันทึกการใช้งาน', events: 'เหตุการณ์', mail: 'อีเมล' },
    forbidden: 'ส่วนนี้สำหรับผู้ดูแลระบบเท่านั้น',
    from: 'ตั้งแต่', to: 'ถึง', all: 'ทั้งหมด', type: 'ประเภท', csv: 'ดาวน์โหลด CSV', table: 'แสดงเป็นตาราง', new: 'เพิ่มใหม่', edit: 'แก้ไข', delete: 'ลบ', save: 'บันทึก', saved: 'บันทึกแล้ว', deleted: 'ลบแล้ว', actions: 'การทำงาน', previous: 'หน้าก่อน', next: 'หน้าถัดไป', page: 'หน้า {n}', none: 'ยังไม่มีข้อมูล', none_text: 'ไม่มีรายการที่ตรงกับที่เลือกไว้ด้านบน', clear: 'ล้างตัวกรอง', details: 'รายละเอียด',
    bookings: 'การจอง', seats: 'ที่นั่ง', revenue: 'รายได้', occupancy: 'อัตราที่นั่ง', date: 'วัน', film: 'หนัง', hall: 'โรง',
    daily: 'การจองต่อวัน', by_film: 'รายได้ต่อเรื่อง', selection: 'ทั้งหมดที่เลือก', no_revenue: 'ไม่มีรายได้ในช่วงนี้', days_invalid: 'วันแรกต้องไม่อยู่หลังวันสุดท้าย และไม่เกิน 400 วัน',
    code: 'รหัส', customer: 'ลูกค้า', showing: 'รอบฉาย', total: 'รวม', status: 'สถานะ', bought: 'ขายเมื่อ', sold_on: 'วันที่ขาย', shown_on: 'วันที่ฉาย', q: 'ชื่อ อีเมล หรือรหัส',
    at: 'เวลา', actor: 'ผู้กระทำ', only_actor: 'เฉพาะที่ {name} ทำ', all_actors: 'แสดงทุกคน', request: 'คำขอ', data: 'ข้อมูล', position: 'ลำดับ', after: 'หลังลำดับ',
    mail: 'อีเมลยืนยัน', mail_to: 'ถึง', attempts: 'จำนวนครั้ง', last_error: 'ข้อผิดพลาดล่าสุด', retry: 'ส่งอีกครั้ง', retried: 'จะส่งอีกครั้ง', replay: 'ลองอีกครั้ง', replayed: 'ดำเนินการแล้ว', replay_failed: 'ไม่สำเร็จอีกครั้ง: {why}', dead: 'เหตุการณ์ที่ดำเนินการไม่ได้', dead_none: 'ดำเนินการครบทุกเหตุการณ์', mail_PENDING: 'รอส่ง', mail_SENT: 'ส่งแล้ว', mail_FAILED: 'ไม่สำเร็จ',
    event: { BOOKING_SUCCESS: 'จองสำเร็จ', BOOKING_TIMEOUT: 'หมดเวลาชำระเงิน', SEAT_RELEASED: 'ปล่อยที่นั่ง', PAYMENT_REFUNDED: 'คืนเงิน', SYSTEM_ERROR: 'ข้อผิดพลาดของระบบ', AUDIT_LOG: 'การดูแลระบบ' },
    delete_title: 'ลบ “{name}” ใช่ไหม', delete_text: 'ลบแล้วเรียกคืนไม่ได้',
    movie: { title: 'ชื่อเรื่อง', title_th: 'ชื่อเรื่องภาษาไทย', synopsis: 'เรื่องย่อ', synopsis_th: 'เรื่องย่อภาษาไทย', genres: 'แนว คั่นด้วยจุลภาค', duration_min: 'ความยาว (นาที)', rating: 'เรต', poster: 'โปสเตอร์', poster_hint: 'PNG, JPEG, WebP หรือ SVG ไม่เกิน 5 MiB สัดส่วนสองต่อสาม', new: 'เพิ่มหนัง', edit: 'แก้ไขหนัง' },
    hall_form: { name: 'ชื่อโรง', new: 'เพิ่มโรง', edit: 'แก้ไขโรง', layout: 'ผังที่นั่ง', preview: 'ตัวอย่าง', tool: 'ระบายด้วย', gap: 'ช่องว่าง', row: 'แถว', row_label: 'ตัวอักษรของแถวที่ {n}', row_category: 'ประเภทของแถวที่ {n}', cell: 'แถว {row} ช่อง {n} {kind}', add_row: 'เพิ่มแถว', remove_row: 'ลบแถว {row}', longer: 'แถว {row} ยาวขึ้น', shorter: 'แถว {row} สั้นลง', count: '{n} ที่นั่ง', hint: 'เลือกชนิด แล้วกดหรือลากบนช่อง' },
    screening: { movie: 'หนัง', hall: 'โรง', start: 'เวลาเริ่ม ตามเวลาของโรงหนัง', price: 'ราคา {category} (บาท)', new: 'เพิ่มรอบฉาย', edit: 'แก้ไขรอบฉาย', start_time: 'เริ่ม', past: 'แสดงรอบที่ฉายจบแล้วด้วย', price_bad: 'จำนวนเงิน 0 ถึง 100,000 บาท' },
  },
}
