//! The device of a slot: opening it, naming it.
//!
//! The binary is linked against libtorch for CPUs alone. A GPU slot loads `libtorch_cuda` first thing in its process:
//! any question about CUDA asked before that makes libtorch remember for good that there is none.
//!
//! Not run on a GPU yet. Run are: loading the real libraries, and every refusal up to the missing driver.

use crate::{
    error::{EngineError, Result},
    numerics,
};
use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    path::{Path, PathBuf},
};
use tombola_spec::worker::DeviceKind;

/// The libtorch this engine is built for; tch pins it.
pub const LIBTORCH: &str = "2.11.0";

/// Names a folder that holds `libtorch_cuda.so`, for hosts whose CUDA libraries are not where set-up left them.
const CUDA_FOLDER: &str = "TOMBOLA_CUDA_LIBS";

/// An opened device.
#[derive(Debug, Clone)]
pub struct Device {
    /// CPU or GPU.
    pub kind: DeviceKind,
    /// Index among its kind.
    pub index: u32,
    /// Name for people.
    pub name: String,
    /// Its memory, bytes; 0 = unknown.
    pub memory: u64,
    pub(crate) torch: tch::Device,
}

impl Device {
    /// Opens a device and checks that it computes. For a GPU, this must be the first use of libtorch in the process.
    ///
    /// # Errors
    /// When libtorch is another than [`LIBTORCH`], or CUDA's libraries, a driver or the device are missing; the message
    /// says what to do.
    pub fn open(kind: DeviceKind, index: u32) -> Result<Self> {
        check_version(linked_version())?;
        let device = match kind {
            DeviceKind::Cpu => {
                Self { kind, index, name: processor(), memory: host_memory(), torch: tch::Device::Cpu }
            }
            DeviceKind::Cuda => Self::open_cuda(index)?,
        };
        numerics::set_up(kind).map(|()| device)
    }

    fn open_cuda(index: u32) -> Result<Self> {
        load(&cuda_library())?;
        let (name, memory) = driver::describe(index)?;
        let torch = tch::Device::Cuda(index as usize);
        let probe = tch::Tensor::f_zeros([1], (tch::Kind::Float, torch));
        if let Err(error) = probe {
            return Err(unusable(&format!(
                "GPU {index} ({name}) does not compute: {}; hint: `nvidia-smi` shows whether it is free and whether its \
                 driver is new enough for CUDA 13",
                EngineError::from(error)
            )));
        }
        Ok(Self { kind: DeviceKind::Cuda, index, name, memory, torch })
    }

    /// Kind and model, such as `cuda NVIDIA H200`: what measurements hold for.
    pub fn model(&self) -> String {
        format!("{} {}", self.kind.name(), self.name)
    }

    /// What provenance says: `cpu AMD EPYC 7763 64-Core Processor`, or `cuda:0 NVIDIA H200`. Libraries choose kernels and
    /// block sizes by the model, on a CPU too.
    pub fn provenance(&self) -> String {
        match self.kind {
            DeviceKind::Cpu => format!("cpu {}", self.name),
            DeviceKind::Cuda => format!("cuda:{} {}", self.index, self.name),
        }
    }
}

/// The libtorch that this process runs on, which need not be the one it was built with; `None` of one before 2.9, which
/// does not tell. Asks nothing about CUDA.
#[expect(unsafe_code, reason = "tch does not tell; libtorch's C interface does")]
fn linked_version() -> Option<[u8; 3]> {
    type Version = unsafe extern "C" fn() -> u64;
    // SAFETY: the name is a C string; a function of that name takes nothing and gives the version, since it is there.
    let packed = unsafe {
        let address = libc::dlsym(libc::RTLD_DEFAULT, c"aoti_torch_abi_version".as_ptr());
        if address.is_null() {
            return None;
        }
        std::mem::transmute::<*mut c_void, Version>(address)()
    };
    let [major, minor, patch, ..] = packed.to_be_bytes();
    Some([major, minor, patch])
}

/// Results say [`LIBTORCH`]: on another version that would be untrue, and the bits others.
fn check_version(found: Option<[u8; 3]>) -> Result<()> {
    let found = found.map(|[major, minor, patch]| format!("{major}.{minor}.{patch}"));
    if found.as_deref() == Some(LIBTORCH) {
        return Ok(());
    }
    let found = found.as_deref().unwrap_or("an old one");
    Err(unusable(&format!(
        "this worker is built for libtorch {LIBTORCH} and found {found}; hint: run `cargo xtask setup` and build again, or \
         put the lib folder of libtorch {LIBTORCH} first in LD_LIBRARY_PATH"
    )))
}

fn unusable(what: &str) -> EngineError {
    EngineError::Device(what.to_owned())
}

impl From<tch::TchError> for EngineError {
    fn from(error: tch::TchError) -> Self {
        match error {
            tch::TchError::Torch(message) => Self::torch(&message),
            other => Self::torch(&other.to_string()),
        }
    }
}

/// Where `libtorch_cuda.so` is: the folder in [`CUDA_FOLDER`], else the folder that set-up noted beside the libtorch
/// this was built with, else wherever the loader finds it.
fn cuda_library() -> PathBuf {
    let library = "libtorch_cuda.so";
    let noted = || {
        let text = std::fs::read_to_string(Path::new(env!("TOMBOLA_LIBTORCH")).join("cuda-libs")).ok()?;
        Some(PathBuf::from(text.trim()))
    };
    let folder = std::env::var_os(CUDA_FOLDER).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    folder.or_else(noted).map_or_else(|| PathBuf::from(library), |folder| folder.join(library))
}

fn load(library: &Path) -> Result<()> {
    open_library(library).map(|_| ()).map_err(|message| {
        let named = std::env::var_os(CUDA_FOLDER).is_some();
        let how = how_to_get_cuda(Path::new(env!("TOMBOLA_LIBTORCH")), named);
        unusable(&format!("cannot load CUDA's libraries: {message}; hint: {how}, or declare the slot `cpu`"))
    })
}

/// What to do for CUDA's libraries, given the libtorch this was built with and whether [`CUDA_FOLDER`] is set. Set-up
/// can fetch them to a libtorch that it fetched, which is seen through a folder of this name.
fn how_to_get_cuda(libtorch: &Path, named: bool) -> String {
    let fetched = libtorch.canonicalize().is_ok_and(|folder| folder.ends_with("view/torch"));
    if fetched && !named {
        return "run `cargo xtask setup --cuda`, which fetches them (2.5 GB)".to_owned();
    }
    format!(
        "install the CUDA build of libtorch {LIBTORCH} with its nvidia libraries and name the folder of \
         `libtorch_cuda.so` in {CUDA_FOLDER}"
    )
}

/// `dlopen` with everything resolved and visible; the loader's message on failure.
#[expect(unsafe_code, reason = "libraries are loaded by their C interface")]
fn open_library(library: &Path) -> std::result::Result<*mut c_void, String> {
    use std::os::unix::ffi::OsStrExt;
    let path =
        CString::new(library.as_os_str().as_bytes()).map_err(|_| "a path with a zero byte".to_owned())?;
    // SAFETY: `path` is a C string; the libraries loaded here only register themselves when opened. `dlerror` gives
    // a C string that is valid until this thread's next call.
    unsafe {
        let handle = libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL);
        if !handle.is_null() {
            return Ok(handle);
        }
        let message = libc::dlerror();
        let message = if message.is_null() { c"unknown error" } else { CStr::from_ptr(message) };
        Err(message.to_string_lossy().into_owned())
    }
}

/// The processor's name.
fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name =
        info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |name| name.trim().to_owned())
}

/// The host's memory, bytes; 0 = unknown.
fn host_memory() -> u64 {
    let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib =
        info.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok());
    kib.map_or(0, |kib: u64| kib * 1024)
}

/// CUDA's driver interface, for what tch does not tell: a GPU's name and memory.
mod driver {
    use super::{CStr, Path, Result, c_char, c_int, c_void, open_library, unusable};

    type Init = unsafe extern "C" fn(flags: u32) -> c_int;
    type Get = unsafe extern "C" fn(device: *mut c_int, ordinal: c_int) -> c_int;
    type Name = unsafe extern "C" fn(name: *mut c_char, length: c_int, device: c_int) -> c_int;
    type Memory = unsafe extern "C" fn(bytes: *mut usize, device: c_int) -> c_int;

    /// Name and memory in bytes of GPU `index`.
    #[expect(unsafe_code, reason = "the driver is loaded at run time and has a C interface only")]
    pub(super) fn describe(index: u32) -> Result<(String, u64)> {
        let no_driver = |message: &str| {
            unusable(&format!(
                "no NVIDIA driver: {message}; hint: install the driver (`nvidia-smi` must list a GPU), or declare \
                 the slot `cpu`"
            ))
        };
        let driver = open_library(Path::new("libcuda.so.1")).map_err(|message| no_driver(&message))?;
        // SAFETY: the four functions have these signatures in every version of the driver; `name` holds as many bytes
        // as it is said to, and is ended by a zero.
        unsafe {
            let init: Init = symbol(driver, c"cuInit")?;
            let get: Get = symbol(driver, c"cuDeviceGet")?;
            let name_of: Name = symbol(driver, c"cuDeviceGetName")?;
            let memory_of: Memory = symbol(driver, c"cuDeviceTotalMem_v2")?;
            match init(0) {
                0 => {}
                code => return Err(no_driver(&format!("it does not start (error {code})"))),
            }
            let (mut device, mut name, mut memory) = (0, [0 as c_char; 256], 0);
            if get(&raw mut device, index as c_int) != 0 {
                return Err(unusable(&format!(
                    "there is no GPU {index}; hint: `nvidia-smi` lists them, CUDA_VISIBLE_DEVICES hides some"
                )));
            }
            name_of(name.as_mut_ptr(), 255, device);
            memory_of(&raw mut memory, device);
            Ok((CStr::from_ptr(name.as_ptr()).to_string_lossy().into_owned(), memory as u64))
        }
    }

    /// A function of the driver.
    ///
    /// # Safety
    /// `F` must be the function's type.
    #[expect(unsafe_code, reason = "see `describe`")]
    unsafe fn symbol<F: Copy>(library: *mut c_void, name: &CStr) -> Result<F> {
        // SAFETY: `library` is an open library and `name` a C string; a function pointer has the size of a pointer.
        unsafe {
            let address = libc::dlsym(library, name.as_ptr());
            if address.is_null() {
                return Err(unusable(&format!("the NVIDIA driver has no `{}`", name.to_string_lossy())));
            }
            Ok(std::mem::transmute_copy::<*mut c_void, F>(&address))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, process::Command};
    use tombola_spec::outcome::FailureClass;

    #[track_caller]
    fn assert_unusable(error: &EngineError, words: &[&str]) {
        let text = error.to_string();
        assert_eq!(error.class(), FailureClass::Infrastructure);
        assert!(words.iter().all(|word| text.contains(word)) && text.contains("; hint: "), "{text}");
        assert!(!text.contains('\n'), "{text}");
    }

    #[test]
    fn a_missing_library_is_named_with_what_to_do() {
        let error = load(Path::new("/nowhere/libtorch_cuda.so")).unwrap_err();
        assert_unusable(&error, &["/nowhere/libtorch_cuda.so", "; hint: ", "declare the slot `cpu`"]);
    }

    #[test]
    fn where_set_up_fetched_libtorch_it_can_fetch_cuda_too() {
        let folder = tempfile::tempdir().unwrap();
        let (fetched, found) = (folder.path().join("view/torch"), folder.path().join("view-1/torch"));
        fs::create_dir_all(&fetched).unwrap();
        fs::create_dir_all(&found).unwrap();
        assert!(how_to_get_cuda(&fetched, false).contains("cargo xtask setup --cuda"));
        for (torch, named) in [(&fetched, true), (&found, false)] {
            let told = how_to_get_cuda(torch, named);
            assert!(told.contains(CUDA_FOLDER) && told.contains(LIBTORCH), "{told}");
        }
    }

    #[test]
    fn a_file_that_is_no_library_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("libtorch_cuda.so");
        fs::write(&library, "a text of a hundred bytes or so, ".repeat(4)).unwrap();
        assert_unusable(&load(&library).unwrap_err(), &["libtorch_cuda.so", "ELF"]);
    }

    #[test]
    fn only_the_libtorch_that_results_name_is_worked_with() {
        check_version(linked_version()).unwrap();
        assert_unusable(
            &check_version(Some([2, 10, 0])).unwrap_err(),
            &[LIBTORCH, "found 2.10.0", "xtask setup"],
        );
        assert_unusable(&check_version(None).unwrap_err(), &[LIBTORCH, "an old one"]);
    }

    /// torch-sys needs a C++ compiler too, so there is one.
    #[test]
    fn a_library_that_another_one_needs_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let compile = |arguments: &[&str]| {
            let mut compiler = Command::new("c++");
            compiler.current_dir(folder.path()).args([
                "-shared",
                "-fPIC",
                "-x",
                "c++",
                "/dev/null",
                "-x",
                "none",
            ]);
            assert!(compiler.args(arguments).status().unwrap().success());
        };
        compile(&["-o", "libcusparse_of_tests.so"]);
        compile(&["-o", "libtorch_cuda.so", "-Wl,--no-as-needed", "-L.", "-lcusparse_of_tests"]);
        fs::remove_file(folder.path().join("libcusparse_of_tests.so")).unwrap();
        let error = load(&folder.path().join("libtorch_cuda.so")).unwrap_err();
        assert_unusable(&error, &["libcusparse_of_tests.so", "; hint: "]);
    }

    #[test]
    fn a_host_without_driver_is_told_so_and_one_with_a_driver_names_its_gpus() {
        match driver::describe(0) {
            Ok((name, memory)) => assert!(!name.is_empty() && memory > 1 << 30, "{name}: {memory} bytes"),
            Err(error) => assert_unusable(&error, &["nvidia-smi"]),
        }
        // Nobody has a hundred.
        assert_unusable(&driver::describe(99).unwrap_err(), &["nvidia-smi"]);
    }

    #[test]
    fn a_cpu_names_itself_and_its_memory() {
        let device = Device::open(DeviceKind::Cpu, 0).unwrap();
        assert!(!device.name.is_empty() && device.memory > 1 << 20);
        assert_eq!(device.provenance(), format!("cpu {}", device.name));
    }
}
