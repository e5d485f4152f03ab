// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Lifeboat.Agent;

/// <summary>One line per event on stderr: `2026-01-31T12:00:00.000Z warn: Lifeboat.Agent... message`.</summary>
internal static class AgentLog
{
    public static ILoggerFactory Create() => LoggerFactory.Create(Configure);

    public static void Configure(ILoggingBuilder logging)
    {
        logging.ClearProviders();
        logging.SetMinimumLevel(LogLevel.Information);
        logging.AddFilter("Microsoft", LogLevel.Warning);
        logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.IncludeScopes = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z' ";
            console.ColorBehavior = LoggerColorBehavior.Disabled;
        });
        logging.Services.AddSingleton<IExternalScopeProvider, RequestScopes>();
        logging.Services.Configure<ConsoleLoggerOptions>(
            console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    }
}
