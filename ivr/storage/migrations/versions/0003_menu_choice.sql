-- What a caller chose in the menu, as <menu>:<key>; '' when nothing was pressed.
ALTER TABLE call ADD COLUMN menu_choice text NOT NULL DEFAULT '';
