-- outboxd schema 2: room in a delivery for what its first claim adds.
--
-- A claim makes the row three times as long. In a full page it found no place: the page was divided, its neighbours and
-- the page above written, too, and four pages went to the disk for one row. The trigger outbox_insert now sets as many
-- bytes aside, and the claim uses them.
ALTER TABLE outbox_delivery ADD COLUMN room BLOB;
