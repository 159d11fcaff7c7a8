-- The village phone that an asked call-back rings; then number is its name. '' for a telephone.
ALTER TABLE callback_job ADD COLUMN device text NOT NULL DEFAULT '';
