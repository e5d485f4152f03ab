// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;

namespace Lifeboat.Cli;

/// <summary>The files that are applied, and the secrets that they only refer to.</summary>
internal static class DeclarationFiles
{
    private const string Stdin = "-", File_ = "file:", Variable = "variable:";

    /// <param name="paths">Files, folders (every .yaml and .yml below, by name), `-` for stdin.</param>
    /// <exception cref="ProblemException">InvalidRequest, with all that cannot be read.</exception>
    public static async Task<IReadOnlyList<DeclarationFile>> ReadAsync(IReadOnlyList<string> paths,
        CancellationToken ct)
    {
        var files = new List<DeclarationFile>();
        var faults = new List<string>();
        foreach (var path in paths)
        {
            if (path == Stdin) files.Add(new DeclarationFile("stdin", await Console.In.ReadToEndAsync(ct)));
            else if (Directory.Exists(path))
            {
                var found = Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories)
                    .Where(f => Path.GetExtension(f) is ".yaml" or ".yml").Order(StringComparer.Ordinal).ToList();
                if (found.Count == 0) faults.Add($"{path}: there is no .yaml or .yml file in it");
                foreach (var file in found) await TryReadAsync(file, files, faults, ct);
            }
            else await TryReadAsync(path, files, faults, ct);
        }
        return faults.Count == 0 ? files : throw new ProblemException(ReasonCode.InvalidRequest,
            "what is to be applied cannot be read",
            "--file takes paths of files and folders that are there, and - for standard input.", faults);
    }

    /// <summary>By reference; files are relative to the present folder.</summary>
    /// <exception cref="ProblemException">InvalidRequest, with all that are not there.</exception>
    public static async Task<IReadOnlyDictionary<string, string>> SecretsAsync(IReadOnlyList<string> references,
        CancellationToken ct)
    {
        var secrets = new Dictionary<string, string>(StringComparer.Ordinal);
        var faults = new List<string>();
        foreach (var reference in references)
        {
            try
            {
                var text = reference.StartsWith(Variable, StringComparison.Ordinal)
                    ? Environment.GetEnvironmentVariable(reference[Variable.Length..])
                    : await File.ReadAllTextAsync(reference[File_.Length..], ct);
                if (string.IsNullOrWhiteSpace(text)) faults.Add($"{reference}: there is nothing in it");
                else secrets[reference] = text.Trim();
            }
            catch (Exception e) when (UserFile.IsOfFile(e))
            {
                var path = reference[File_.Length..];
                faults.Add($"{reference}: {UserFile.Whole(path)} cannot be read: {UserFile.Why(path, e)}");
            }
        }
        return faults.Count == 0 ? secrets : throw new ProblemException(ReasonCode.InvalidRequest,
            "secrets that the declarations refer to are missing", null, faults);
    }

    private static async Task TryReadAsync(string path, List<DeclarationFile> files, List<string> faults,
        CancellationToken ct)
    {
        try
        {
            files.Add(new DeclarationFile(path, await File.ReadAllTextAsync(path, ct)));
        }
        catch (Exception e) when (UserFile.IsOfFile(e))
        {
            faults.Add($"{UserFile.Whole(path)} cannot be read: {UserFile.Why(path, e)}");
        }
    }
}
