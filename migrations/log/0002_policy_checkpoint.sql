-- How far the policies have answered the history. What follows a command is done at once by whoever took the command;
-- this is the guarantee behind it, for the case that the process died in between.

create table policy_checkpoint (
    one boolean primary key default true check (one),
    position bigint not null
);

insert into policy_checkpoint (position) values (0);
