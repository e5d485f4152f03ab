// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli;

/// <summary>Options that every command takes.</summary>
internal static class GlobalOptions
{
    public const string SiteVariable = "LIFEBOAT_SITE";
    private const string DefaultDirectory = "/var/lib/lifeboat";

    public static readonly Option<string> SiteDirectory = new("--site-dir", "-d")
    {
        Description = $"Directory of the site (default: ${SiteVariable}, else {DefaultDirectory})",
        HelpName = "DIRECTORY",
        Recursive = true,
        DefaultValueFactory = _ => Environment.GetEnvironmentVariable(SiteVariable) ?? DefaultDirectory,
    };

    public static readonly Option<string> Output = new Option<string>("--output", "-o")
    {
        Description = "How data is printed: table, json or yaml",
        HelpName = "FORMAT",
        Recursive = true,
        DefaultValueFactory = _ => "table",
    }.AcceptOnlyFromAmong("table", "json", "yaml");
}
