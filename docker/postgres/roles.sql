-- The read model's database and its three roles, made when the volume is new. Each password is for trying it on one machine.
CREATE ROLE syncroboard_migrate LOGIN PASSWORD 'migrate';
CREATE ROLE syncroboard_write LOGIN PASSWORD 'write';
CREATE ROLE syncroboard_read LOGIN PASSWORD 'read';
CREATE DATABASE syncroboard OWNER syncroboard_migrate;
