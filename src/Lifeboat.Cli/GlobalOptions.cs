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

    public const string ProfileVariable = "LIFEBOAT_PROFILE";
    public const string TenantVariable = "LIFEBOAT_TENANT";

    public static readonly Option<string?> Profile = new("--profile")
    {
        Description = "Reach a controller over HTTPS as this profile says "
            + $"(default: ${ProfileVariable}; profiles are in ${ProfileFile.Variable}, else {ProfileFile.Usual})",
        HelpName = "NAME",
        Recursive = true,
        DefaultValueFactory = _ => Environment.GetEnvironmentVariable(ProfileVariable),
    };

    public static readonly Option<string?> OsCloud = new("--os-cloud")
    {
        Description = "Reach the controller that the catalogue of this cloud names, as its user in clouds.yaml",
        HelpName = "NAME",
        Recursive = true,
    };

    public static readonly Option<string?> Tenant = new("--tenant")
    {
        Description = $"The tenant that it is about (default: ${TenantVariable}, else the profile's, else all)",
        HelpName = "NAME",
        Recursive = true,
        DefaultValueFactory = _ => Environment.GetEnvironmentVariable(TenantVariable),
    };

    public static readonly Option<string> Output = new Option<string>("--output", "-o")
    {
        Description = "How data is printed: table, json, yaml, or csv for what is a table",
        HelpName = "FORMAT",
        Recursive = true,
        DefaultValueFactory = _ => "table",
    }.AcceptOnlyFromAmong("table", "json", "yaml", "csv");
}
