int wb_cmd_check(int a,char**v);int wb_cmd_show(int a,char**v);
int wb_cmd_check(int a,char**v){(void)a;(void)v;return 1;}
int wb_cmd_show(int a,char**v){(void)a;(void)v;return 1;}
