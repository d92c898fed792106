using DataPlatform.Dbt.Tool;

return await new ToolCommandLine(ToolHost.Process).RunAsync(args);
