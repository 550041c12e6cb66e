"""The history of the schema, applied by `robot db upgrade`: see `robot.store.migrate`.

A new step is a new file in `versions`, never a change to an old one: `revision` is the next number, `down_revision` the
last. It spells types and names out, since `robot.store.schema` goes on changing. On SQLite, alter a table with
`op.batch_alter_table`.
"""
