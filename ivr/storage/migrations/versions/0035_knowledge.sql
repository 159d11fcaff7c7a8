-- Articles of the knowledge base. A version never changes: a call keeps the one it was told from.
CREATE TABLE knowledge_article (
    slug       text NOT NULL,
    version    integer NOT NULL CHECK (version > 0),
    category   text NOT NULL,
    matter     text NOT NULL,
    title      text NOT NULL,
    body       text NOT NULL,
    statutes   text[] NOT NULL,
    sample     boolean NOT NULL,
    retired    boolean NOT NULL,
    checklist  jsonb NOT NULL,                   -- items of the one-time notice, as ivr.domain.knowledge writes them
    told       text NOT NULL,                    -- what a search looks through
    written_by text NOT NULL,                    -- 'shipped' for what came with the program
    written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (slug, version)
);
CREATE INDEX knowledge_article_keys ON knowledge_article USING gin (search_keys(0, told));
CREATE FUNCTION knowledge_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a version of an article never changes';
END $$;
CREATE TRIGGER knowledge_stays BEFORE UPDATE OR DELETE ON knowledge_article FOR EACH ROW EXECUTE FUNCTION knowledge_stays();

-- The notices used in a call, and what of them was told. The machine's word and a person's stand side by side; the person's wins.
CREATE TABLE call_checklist (
    linked_id text NOT NULL REFERENCES call,
    slug      text NOT NULL,
    version   integer NOT NULL,
    taken_by  text NOT NULL,
    taken_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (linked_id, slug),
    FOREIGN KEY (slug, version) REFERENCES knowledge_article
);
CREATE TABLE call_checklist_item (
    linked_id  text NOT NULL,
    slug       text NOT NULL,
    item       text NOT NULL,
    heard_at_s real,                             -- null: not heard
    told       boolean,                          -- null: nobody decided
    decided_by text NOT NULL DEFAULT '',
    decided_at timestamptz,
    PRIMARY KEY (linked_id, slug, item),
    FOREIGN KEY (linked_id, slug) REFERENCES call_checklist ON DELETE CASCADE
);
