return await DataPlatform.Benchmarks.LoadJob.RunAsync(args);
