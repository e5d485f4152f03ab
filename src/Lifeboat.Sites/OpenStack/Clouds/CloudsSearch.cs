// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites.OpenStack.Clouds;

/// <summary>
/// Where `clouds.yaml` and `secure.yaml` are looked for, as openstacksdk does (`openstack/config/loader.py`): the file
/// of the environment variable, the current directory, the user's configuration, the system's; the first that is
/// there counts, files are not merged with their like.
/// </summary>
internal sealed record CloudsSearch
{
    public const string CloudsVariable = "OS_CLIENT_CONFIG_FILE";
    public const string SecureVariable = "OS_CLIENT_SECURE_FILE";
    public const string CloudVariable = "OS_CLOUD";
    private static readonly string[] Endings = [".yaml", ".yml", ".json"];

    /// <summary>The file to read whatever else there is; null: the search.</summary>
    public string? File { get; init; }
    public required string CurrentDirectory { get; init; }
    public required string Home { get; init; }
    public required Func<string, string?> Variable { get; init; }

    public static CloudsSearch OfThisProcess(string? file) => new()
    {
        File = file,
        CurrentDirectory = Environment.CurrentDirectory,
        Home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile),
        Variable = Environment.GetEnvironmentVariable,
    };

    public string? DefaultCloud => NotEmpty(Variable(CloudVariable));

    /// <summary>All places of `clouds.yaml`, in order.</summary>
    public IReadOnlyList<string> Clouds => File is not null ? [File] : Places(CloudsVariable, "clouds");

    /// <summary>All places of `secure.yaml`, in order; beside a file that was named, it is looked for there.</summary>
    public IReadOnlyList<string> Secure => File is not null && NotEmpty(Variable(SecureVariable)) is null
        ? [.. Endings.Select(e => Path.Combine(Path.GetDirectoryName(Path.GetFullPath(File))!, "secure" + e))]
        : Places(SecureVariable, "secure");

    private List<string> Places(string variable, string name)
    {
        var all = new List<string>();
        if (NotEmpty(Variable(variable)) is { } named) all.Add(named);
        foreach (var folder in Folders.Distinct(StringComparer.Ordinal))
            all.AddRange(Endings.Select(ending => Path.Combine(folder, name + ending)));
        return all;
    }

    private IEnumerable<string> Folders =>
    [
        CurrentDirectory,
        Path.Combine(NotEmpty(Variable("XDG_CONFIG_HOME")) ?? Path.Combine(Home, ".config"), "openstack"),
        Path.Combine(Home, ".config", "openstack"),
        .. (NotEmpty(Variable("XDG_CONFIG_DIRS")) ?? "/etc/xdg").Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Select(d => Path.Combine(d, "openstack")),
        "/etc/openstack",
    ];

    private static string? NotEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;
}
